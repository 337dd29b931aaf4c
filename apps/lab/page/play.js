// Play, pause, back, forward, by buttons and keys.

import { find } from "./views.js";

export class Player {
  /** `lab` has the step `t` and the `trace`; `page` has goTo(t, isPlaying) and light(phase). */
  constructor(lab, page) {
    Object.assign(this, { lab, page, playing: false, phase: -1, phases: 0 });
    const on = (selector, action) => { find(selector).onclick = action; };
    on("#first", () => this.jump(0));
    on("#back", () => this.jump(this.lab.t - 1));
    on("#forward", () => this.jump(this.lab.t + 1));
    on("#last", () => this.jump(this.lab.trace.length));
    on("#play", () => (this.playing ? this.pause() : this.play()));
    find("#cursor").oninput = (event) => this.jump(Number(event.target.value));
    find("#terms").onchange = () => this.light(-1);
    document.addEventListener("keydown", (event) => this.press(event));
  }

  press(event) {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.target.closest("button, a, summary")) return;
    const actions = { ArrowLeft: "#back", ArrowRight: "#forward", Home: "#first", End: "#last", " ": "#play" };
    if (!actions[event.key]) return;
    event.preventDefault();
    find(actions[event.key]).click();
  }

  jump(t) {
    this.pause();
    this.page.goTo(t);
  }

  light(phase) {
    this.phase = phase;
    this.page.light(phase);
  }

  stop() {
    this.playing = false;
    find("#play").textContent = "▶ Play";
    find("#detail").ariaLive = "polite";
    this.light(-1);
  }

  pause() {
    const wasPlaying = this.playing;
    this.stop();
    // What was not in the window is drawn now.
    if (wasPlaying) this.page.goTo(this.lab.t);
  }

  play() {
    if (this.lab.t >= this.lab.trace.length) this.page.goTo(0);
    this.playing = true;
    // A screen reader would read each step.
    find("#detail").ariaLive = "off";
    find("#play").textContent = "❚❚ Pause";
    this.last = performance.now();
    this.due = 0;
    requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    if (!this.playing) return;
    // Terms that light up more often than three times a second would flash.
    const speed = Number(find("#speed").value), rate = find("#terms").checked ? Math.min(3, speed) : speed;
    this.due += ((now - this.last) / 1000) * rate;
    this.last = now;
    let steps = Math.min(8, Math.floor(this.due));
    this.due -= Math.floor(this.due);
    if (steps > 0 && find("#terms").checked) {
      steps = 0;
      if (this.phase + 1 < this.phases && this.lab.t > 0) this.light(this.phase + 1);
      else {
        steps = 1;
        this.light(0);
      }
    }
    if (steps > 0 && this.lab.t < this.lab.trace.length) this.page.goTo(this.lab.t + steps, true);
    if (this.lab.t >= this.lab.trace.length && (!find("#terms").checked || this.phase + 1 >= this.phases)) this.pause();
    else requestAnimationFrame((later) => this.frame(later));
  }
}

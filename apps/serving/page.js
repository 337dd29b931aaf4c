"use strict";

const main = document.querySelector("main");
const tokenBox = document.querySelector("#token");
const tokenField = tokenBox.querySelector("input");

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function headers() {
  return tokenField.value ? { Authorization: `Bearer ${tokenField.value}` } : {};
}

async function request(path, body) {
  const options = body ? { method: "POST", body: JSON.stringify(body), headers: headers() } : { headers: headers() };
  const response = await fetch(path, options);
  const content = await response.json().catch(() => ({ error: `status ${response.status}, response is not JSON` }));
  if (response.status === 401) tokenBox.hidden = false;
  if (!response.ok) throw new Error(content.error);
  return content;
}

// Forms, one for each kind of model input. Each reads the user's input as the body of a request.

function textForm(signature) {
  const field = make("textarea", { name: "texts", placeholder: "one text per line" });
  return {
    element: make("label", {}, make("small", {}, "Texts, one per line"), field),
    async read() {
      const lines = field.value.split("\n").filter((line) => line.trim());
      if (!lines.length) throw new Error("nothing to send: enter a text");
      return { body: { ...signature, instances: lines }, lines };
    },
  };
}

function dropZone(label, accept, multiple = false) {
  const field = make("input", { type: "file", accept, multiple });
  const zone = make("div", { className: "drop" }, make("label", {}, make("small", {}, label), make("br"), field));
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("over"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    field.files = event.dataTransfer.files;
  });
  return { zone, field };
}

function readNumbers(text, columns) {
  const rows = text.trim().split(/\r?\n/).map((line) => line.split(/[,;\t]/).map((cell) => cell.trim()));
  const isNumber = (cell) => cell !== "" && Number.isFinite(Number(cell));
  const header = rows[0].some((cell) => !isNumber(cell)) ? rows.shift() : null;
  if (!rows.length) throw new Error("the file has no rows of numbers");
  // Columns that do not start with a number are times or names.
  const numeric = rows[0].map((cell, column) => column).filter((column) => isNumber(rows[0][column]));
  if (columns && numeric.length !== columns) {
    throw new Error(`the file has ${numeric.length} columns of numbers; the model takes ${columns}`);
  }
  const values = rows.map((row, index) => numeric.map((column) => {
    if (!isNumber(row[column] ?? "")) {
      throw new Error(`row ${index + 1}, column ${column + 1}: expected a number, found "${row[column] ?? ""}"`);
    }
    return Number(row[column]);
  }));
  const last = rows.at(-1)[rows[0].findIndex((cell) => !isNumber(cell) && Number.isFinite(secondsOf(cell)))];
  const names = numeric.map((column) => (header ? header[column] : `column ${column + 1}`));
  return { values, names, time: secondsOf(last) };
}

// Seconds since 1970. As in training, a time without a time zone is UTC.
function secondsOf(cell) {
  const match = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|[+-]\d{2}:?\d{2})?$/.exec(cell ?? "");
  return match ? Date.parse(`${match[1]}T${match[2] ?? "00:00"}${match[3] ?? "Z"}`) / 1000 : NaN;
}

function seriesForm(name, input, timed) {
  const [, steps, columns] = input.shape;
  const label = `CSV with ${columns ?? "any number of"} columns of numbers${timed ? " and one of times" : " (others are ignored)"}; ` +
    (steps ? `the last ${steps} rows are used` : "all rows are used");
  const { zone, field } = dropZone(label, ".csv,text/csv");
  return {
    element: zone,
    async read() {
      if (!field.files.length) throw new Error("nothing to send: choose a file");
      const { values, names, time } = readNumbers(await field.files[0].text(), columns);
      if (steps && values.length < steps) throw new Error(`the file has ${values.length} rows; the model takes ${steps}`);
      const past = steps ? values.slice(-steps) : values;
      if (!timed) return { body: { instances: [past] }, past, names };
      if (!Number.isFinite(time)) throw new Error("the last row has no time such as 2026-01-31 14:00");
      return { body: { instances: [{ [name]: past, time }] }, past, names };
    },
  };
}

function base64(buffer) {
  let text = "";
  for (const byte of new Uint8Array(buffer)) text += String.fromCharCode(byte);
  return btoa(text);
}

async function framesOfVideo(file, count) {
  const video = make("video", { muted: true, src: URL.createObjectURL(file) });
  const eventOf = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", () => reject(new Error("this browser cannot decode the clip; choose a GIF")), { once: true });
  });
  await eventOf("loadeddata");
  const scale = Math.min(1, 320 / Math.max(video.videoWidth, video.videoHeight));
  const canvas = make("canvas", { width: video.videoWidth * scale, height: video.videoHeight * scale });
  const frames = [];
  for (let index = 0; index < count; index += 1) {
    const seeked = eventOf("seeked");
    video.currentTime = ((index + 0.5) * video.duration) / count;
    await seeked;
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    frames.push({ b64: base64(await blob.arrayBuffer()) });
  }
  return frames;
}

function clipForm() {
  const { zone, field } = dropZone("A clip: a video, an animated GIF, or images in order", "video/*,image/*", true);
  return {
    element: zone,
    async read() {
      const files = [...field.files];
      if (!files.length) throw new Error("nothing to send: choose a clip");
      const video = files[0].type.startsWith("video/");
      const encoded = video
        ? await framesOfVideo(files[0], 28)
        : await Promise.all(files.map(async (file) => ({ b64: base64(await file.arrayBuffer()) })));
      return { body: { signature_name: "encoded", inputs: { encoded: [encoded] } }, clip: files[0], video };
    },
  };
}

// A WAV file of 16 bits with one channel.
function wavOf(sound) {
  const channels = Array.from({ length: sound.numberOfChannels }, (_, index) => sound.getChannelData(index));
  const bytes = new DataView(new ArrayBuffer(44 + 2 * sound.length));
  const text = (at, value) => [...value].forEach((letter, index) => bytes.setUint8(at + index, letter.charCodeAt(0)));
  text(0, "RIFF"); text(8, "WAVEfmt "); text(36, "data");
  [[4, 36 + 2 * sound.length], [16, 16], [24, sound.sampleRate], [28, 2 * sound.sampleRate], [40, 2 * sound.length]]
    .forEach(([at, value]) => bytes.setUint32(at, value, true));
  [[20, 1], [22, 1], [32, 2], [34, 16]].forEach(([at, value]) => bytes.setUint16(at, value, true));
  // A channel that is silent must not halve the level.
  const alive = channels.filter((channel) => channel.some((value) => value !== 0));
  for (let index = 0; index < sound.length; index += 1) {
    const value = alive.reduce((sum, channel) => sum + channel[index], 0) / Math.max(1, alive.length);
    bytes.setInt16(44 + 2 * index, Math.round(32767 * Math.max(-1, Math.min(1, value))), true);
  }
  return bytes.buffer;
}

// A recording that is dropped in, chosen, or made with the microphone.
function soundForm() {
  const { zone, field } = dropZone("A recording: any sound or video file", "audio/*,video/*");
  const button = make("button", { type: "button" }, "Record");
  const note = make("small", { ariaLive: "polite" });
  let recorder, recorded;
  button.addEventListener("click", async () => {
    if (recorder?.state === "recording") return recorder.stop();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const parts = [];
      recorder = new MediaRecorder(stream);
      recorder.ondataavailable = (event) => parts.push(event.data);
      recorder.onstop = () => {
        stream.getTracks().forEach((track) => track.stop());
        recorded = new Blob(parts, { type: recorder.mimeType });
        field.value = "";
        button.textContent = "Record";
        note.textContent = " recorded";
      };
      recorder.start();
      button.textContent = "Stop";
      note.textContent = " recording";
    } catch (error) {
      // Browsers give a microphone only to pages of https and of this machine.
      note.textContent = ` no microphone (${error.message})`;
    }
  });
  field.addEventListener("change", () => { recorded = undefined; note.textContent = ""; });
  return {
    element: make("div", {}, zone, button, note),
    async read() {
      const sound = field.files[0] ?? recorded;
      if (!sound) throw new Error("nothing to send: choose a recording, or make one");
      const context = new AudioContext();
      let decoded;
      try {
        decoded = await context.decodeAudioData(await sound.arrayBuffer());
      } catch {
        throw new Error("this browser cannot decode the recording; choose a WAV, MP3 or OGG file");
      } finally {
        context.close();
      }
      const wav = wavOf(decoded);
      return { body: { signature_name: "wav", inputs: { wav: [{ b64: base64(wav) }] } }, wav };
    },
  };
}

function jsonForm(inputs) {
  const field = make("textarea", { placeholder: '{"instances": [...]}' });
  const specs = Object.entries(inputs).map(([name, spec]) => `${name}: ${spec.dtype} [${spec.shape.map((n) => n ?? "?")}]`);
  return {
    element: make("label", {}, make("small", {}, `Request body as JSON; ${specs.join(", ")}`), field),
    async read() {
      return { body: JSON.parse(field.value) };
    },
  };
}

// A box that completes words while one types, and continues the text on submit.
function writingForm(model) {
  const path = `/v1/models/${encodeURIComponent(model.name)}:predict`;
  const field = make("textarea", { name: "prompt", placeholder: "begin a text" });
  const words = make("div", { className: "words", ariaLive: "polite" });
  const number = (name, value, step) => make("input", { type: "number", name, value, min: 0, step });
  const length = number("length", 200, 1), temperature = number("temperature", 0.8, "any"), seed = number("seed", 0, 1);
  let waiting, asked = 0;

  function choose(word) {
    field.value = `${field.value.replace(/[\p{L}\p{M}\p{N}'\u2019]*$/u, "")}${word} `;
    field.focus();
    suggest();
  }

  async function suggest() {
    const turn = ++asked;
    const body = { signature_name: "complete", instances: [field.value] };
    const found = await request(path, body).catch((error) => ({ error }));
    // An answer to what has been typed before is late.
    if (turn !== asked) return;
    if (found.error) return words.replaceChildren(make("small", { className: "error" }, found.error.message));
    const { words: texts, probabilities } = found.predictions[0];
    words.replaceChildren(...texts.filter(Boolean).map((word, index) => make("button", {
      type: "button", title: `${(100 * probabilities[index]).toFixed(1)} %`, onclick: () => choose(word),
    }, word)));
  }

  field.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(suggest, 100); });
  const settings = [["length", length], ["temperature", temperature], ["seed", seed]];
  return {
    element: make("div", {}, make("label", {}, make("small", {}, "Text to continue"), field), words,
      ...settings.map(([name, box]) => make("label", { className: "setting" }, make("small", {}, `${name} `), box))),
    async read() {
      const row = { prompt: field.value, length: Number(length.value), temperature: Number(temperature.value), seed: Number(seed.value) };
      return { body: { instances: [row] }, prompt: field.value };
    },
  };
}

// A story and a question about it.
function storyForm() {
  const story = make("textarea", { name: "story", placeholder: "Ada went to the kitchen. Ben hurried to the attic." });
  const question = make("input", { type: "text", name: "question", placeholder: "Where is Ada?" });
  return {
    element: make("div", {}, make("label", {}, make("small", {}, "Story, sentences that end with a full stop"), story),
      make("label", {}, make("small", {}, "Question"), question)),
    async read() {
      if (!story.value.trim() || !question.value.trim()) throw new Error("nothing to send: enter a story and a question");
      return { body: { instances: [{ story: story.value, question: question.value }] }, question: question.value };
    },
  };
}

function formFor(model) {
  const inputs = model.signatures.serving_default?.inputs ?? {};
  const { time, ...others } = inputs;
  const [name, ...more] = Object.keys(others);
  const only = more.length ? undefined : others[name];
  if (model.signatures.encoded?.inputs.encoded?.dtype === "string") return clipForm();
  if (model.signatures.wav?.inputs.wav?.dtype === "string") return soundForm();
  if (inputs.prompt && model.signatures.complete) return writingForm(model);
  if (inputs.story?.dtype === "string" && inputs.question) return storyForm();
  if (only?.dtype === "string" && only.shape.length === 1 && !time) return textForm(detailedSignature(model.signatures));
  if (only?.dtype.startsWith("float") && only.shape.length === 3) return seriesForm(name, only, Boolean(time));
  return jsonForm(inputs);
}

// A signature with more outputs than the default one, if there is one.
function detailedSignature(signatures) {
  const name = ["explain", "classes", "attention"].find((candidate) => candidate in signatures);
  return name ? { signature_name: name } : {};
}

// Views of the responses.

function bar(label, fraction) {
  const filled = make("div");
  filled.style.width = `${100 * fraction}%`;
  const text = `${label} · ${(100 * fraction).toFixed(1)} %`;
  return make("div", { className: "answer" }, text, make("div", { className: "bar", title: text }, filled));
}

// Of many classes the most likely ones.
function classBars({ classes, scores }, most = 6) {
  const order = [...classes.keys()];
  if (classes.length > most) order.sort((a, b) => scores[b] - scores[a]).splice(most);
  return order.map((index) => bar(classes[index], scores[index]));
}

function textView(line, row) {
  const outputs = typeof row === "object" ? row : { label: row };
  const text = outputs.label ?? outputs.translation ?? JSON.stringify(outputs);
  const box = make("div", { className: "answer" }, make("small", {}, line), make("br"), make("strong", {}, String(text)));
  if ("score" in outputs) box.append(make("small", {}, ` (score ${outputs.score.toFixed(2)})`));
  if (outputs.classes && outputs.scores) box.append(...classBars(outputs));
  else if ("probability" in outputs) box.append(bar("probability", outputs.probability));
  if (outputs.source_pieces) box.append(attentionView(outputs));
  if (outputs.words && outputs.effect) box.append(...wordsView(outputs));
  return box;
}

// Words colored by what the answer loses without them, and underlined by the attention that they got.
function wordsView({ words, effect, attention }) {
  const most = Math.max(...attention);
  const spans = words.flatMap((word, index) => {
    if (!word) return [];
    const title = `effect ${effect[index].toFixed(2)}, attention ${(100 * attention[index]).toFixed(1)} %`;
    const span = make("span", { title }, word);
    const strength = Math.min(1, Math.abs(effect[index]) / 3);
    span.style.backgroundColor = `rgb(${effect[index] > 0 ? "46 160 67" : "218 54 51"} / ${0.8 * strength})`;
    span.style.borderBottom = `3px solid rgb(47 111 179 / ${attention[index] / most})`;
    return [span, " "];
  });
  const key = "green: without this word the answer is less likely; red: more likely; line: attention";
  return [make("p", { className: "explained" }, ...spans), make("small", {}, key)];
}

function svg(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function attentionView(outputs) {
  const readable = (piece) => piece.replace(/^▁(?=.)/, "").replace("▁", "␣");
  const source = outputs.source_pieces.filter(Boolean).map(readable);
  const target = outputs.target_pieces.filter(Boolean).map(readable);
  const maxLength = (pieces) => Math.max(...pieces.map((piece) => piece.length));
  const size = 18, left = 14 + 7 * maxLength(target), slant = 6 * maxLength(source), top = 16 + slant;
  const width = left + size * source.length + slant / 2, height = top + size * target.length;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "attention weights" });
  picture.style.cssText = `width: ${width}px; max-width: 100%; height: auto`;
  source.forEach((piece, column) => {
    const x = left + size * (column + 0.7);
    picture.append(svg("text", { x, y: top - 6, transform: `rotate(-60 ${x} ${top - 6})` }, piece));
  });
  target.forEach((piece, row) => {
    const y = top + size * row;
    picture.append(svg("text", { x: left - 6, y: y + 13, "text-anchor": "end" }, piece));
    source.forEach((sourcePiece, column) => {
      const cell = { x: left + size * column, y, width: size - 1, height: size - 1, fill: "#2f6fb3" };
      const weight = outputs.attention[row][column];
      const square = svg("rect", { ...cell, "fill-opacity": Math.max(0.06, weight) });
      square.append(svg("title", {}, `${piece} ← ${sourcePiece}: ${weight.toFixed(2)}`));
      picture.append(square);
    });
  });
  return make("details", { open: true }, make("summary", {}, "attention weights"), picture);
}

function plot(name, past, forecast, lower, upper) {
  const width = 800, height = 240, margin = 40;
  const recent = past.slice(-3 * forecast.length);
  const all = [...recent, ...forecast, ...(lower ?? []), ...(upper ?? [])];
  const min = Math.min(...all), max = Math.max(...all);
  const xOf = (step) => margin + ((width - margin) * step) / Math.max(1, recent.length + forecast.length - 1);
  const yOf = (value) => height - 20 - ((height - 40) * (value - min)) / (max - min || 1);
  const points = (values, start = recent.length) => values.map((value, step) => `${xOf(start + step)},${yOf(value)}`);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `forecast of ${name}` });
  if (lower && upper) {
    const outline = [...points(lower), ...points(upper).reverse()].join(" ");
    picture.append(svg("polygon", { points: outline, fill: "#2f6fb3", opacity: 0.25 }));
  }
  picture.append(
    svg("polyline", { points: points(recent, 0).join(" "), fill: "none", stroke: "currentColor" }),
    svg("polyline", { points: points([recent.at(-1), ...forecast], recent.length - 1).join(" "), fill: "none", stroke: "#2f6fb3", "stroke-width": 2 }),
    svg("text", { x: 0, y: 24 }, max.toPrecision(4)),
    svg("text", { x: 0, y: height - 16 }, min.toPrecision(4)),
    svg("text", { x: margin, y: 12 }, name),
  );
  return picture;
}

function forecastView(row, past, names) {
  const forecast = Array.isArray(row) ? row : row.forecast;
  const quantiles = row.quantiles;
  return names.map((name, series) => plot(
    name,
    past.map((step) => step[series]),
    forecast.map((step) => step[series]),
    quantiles?.map((step) => step[series][0]),
    quantiles?.map((step) => step[series].at(-1)),
  ));
}

// Readings, one line a sensor, with the alarms above the score and its threshold.
function alarmsView(row, past, names) {
  const width = 800, height = 120, margin = 40;
  const xOf = (step) => margin + ((width - margin) * step) / Math.max(1, past.length - 1);
  const picture = (name, values, line) => {
    const all = line === undefined ? values : [...values, line];
    const min = Math.min(...all), max = Math.max(...all);
    const yOf = (value) => height - 15 - ((height - 35) * (value - min)) / (max - min || 1);
    const drawn = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name });
    drawn.style.height = "7rem";
    row.alarm.forEach((alarm, step) => {
      if (alarm) drawn.append(svg("rect", { x: xOf(step - 0.5), y: 15, width: xOf(1) - xOf(0), height: height - 30, fill: "#c0392b", "fill-opacity": 0.3 }));
    });
    drawn.append(svg("polyline", { points: values.map((value, step) => `${xOf(step)},${yOf(value)}`).join(" "), fill: "none", stroke: "currentColor" }));
    if (line !== undefined) drawn.append(svg("line", { x1: margin, x2: width, y1: yOf(line), y2: yOf(line), stroke: "#c0392b", "stroke-dasharray": "4" }));
    drawn.append(svg("text", { x: 0, y: 24 }, max.toPrecision(4)), svg("text", { x: 0, y: height - 12 }, min.toPrecision(4)), svg("text", { x: margin, y: 12 }, name));
    return drawn;
  };
  const alarms = row.alarm.filter(Boolean).length;
  const worst = row.score.indexOf(Math.max(...row.score));
  const parts = row.contributions[worst], total = parts.reduce((sum, part) => sum + part, 0) || 1;
  const causes = [...names.keys()].sort((a, b) => parts[b] - parts[a]).slice(0, 2).map((index) => `${names[index]} ${Math.round((100 * parts[index]) / total)} %`);
  const text = `${alarms} of ${past.length} rows are alarms; the highest score is in row ${worst + 1}, by ${causes.join(" and ")}`;
  return [
    make("p", { className: "answer" }, make("strong", {}, text)),
    picture("score, and its threshold", row.score, row.threshold),
    ...names.map((name, sensor) => picture(name, past.map((step) => step[sensor]))),
  ];
}

function clipView(outputs, input) {
  const src = URL.createObjectURL(input.clip);
  const clip = input.video
    ? make("video", { src, controls: true, muted: true, loop: true })
    : make("img", { src, alt: "the clip" });
  return [make("figure", { className: "frames" }, clip, make("figcaption", {}, make("strong", {}, outputs.caption[0])))];
}

// The text, the waveform, and the recording to play.
function soundView(outputs, wav) {
  const samples = new Int16Array(wav, 44), width = 800, height = 90, columns = 400;
  const points = Array.from({ length: columns }, (_, column) => {
    const part = samples.subarray((column * samples.length) / columns, ((column + 1) * samples.length) / columns);
    return part.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 0]);
  });
  const at = (value) => height / 2 - (value / 32768) * (height / 2);
  const drawn = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "waveform" });
  drawn.style.height = "5rem";
  points.forEach(([low, high], column) => {
    const x = ((column + 0.5) * width) / columns;
    drawn.append(svg("line", { x1: x, x2: x, y1: at(high), y2: at(low) + 0.5, stroke: "#2f6fb3" }));
  });
  const src = URL.createObjectURL(new Blob([wav], { type: "audio/wav" }));
  const sure = outputs.confidence ? ` (confidence ${(100 * outputs.confidence[0]).toFixed(0)} %)` : "";
  const heard = outputs.text[0] ? make("strong", {}, outputs.text[0]) : make("em", {}, "no words");
  return [make("p", { className: "answer" }, heard, make("small", {}, sure)), drawn, make("audio", { src, controls: true })];
}

// A picture of weights from 0 to 1: a row a step, a column a slot of the memory.
function slotsPicture(title, rows, labels) {
  const size = 12, left = 8, top = 18, right = 240;
  const width = left + size * rows[0].length + 8 + right, height = top + size * rows.length;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  picture.style.cssText = `width: ${width}px; max-width: 100%; height: auto`;
  picture.append(svg("text", { x: left, y: 12 }, title));
  rows.forEach((weights, row) => {
    weights.forEach((weight, slot) => {
      const cell = { x: left + size * slot, y: top + size * row, width: size - 1, height: size - 1, fill: "#2f6fb3" };
      const square = svg("rect", { ...cell, "fill-opacity": Math.max(0.06, Math.min(1, weight)) });
      square.append(svg("title", {}, `slot ${slot + 1}, ${labels[row]}: ${weight.toFixed(2)}`));
      picture.append(square);
    });
    const x = left + size * weights.length + 6;
    picture.append(svg("text", { x, y: top + size * row + 10, style: "font-size: 9px" }, labels[row]));
  });
  return picture;
}

// The answer, the sentences that were read, and where a network with a memory wrote and read.
function storyView(row, question) {
  const box = make("div", { className: "answer" }, make("small", {}, question), make("br"), make("strong", {}, row.answer));
  box.append(bar("probability", row.probability));
  if (!row.sentences) return [box];
  const first = row.sentences.findIndex(Boolean), story = row.sentences.slice(first);
  const sentences = make("p", { className: "explained" }, ...story.flatMap((sentence, index) => {
    const weight = row.sentence_weights[first + index];
    const span = make("span", { title: `read ${weight.toFixed(2)}` }, sentence);
    span.style.backgroundColor = `rgb(46 160 67 / ${Math.min(0.8, weight)})`;
    return [span, " "];
  }));
  const labels = row.write_weights.slice(first).map((_, step) => story[step] ?? `thinking, step ${step - story.length + 1}`);
  const means = row.read_weights.slice(first).map((heads) => heads[0].map((_, slot) =>
    heads.reduce((sum, head) => sum + head[slot], 0) / heads.length));
  return [box, sentences, make("small", {}, "green: what the network read of its memory after the question"),
    make("details", { open: true }, make("summary", {}, "memory"),
      slotsPicture("written, by sentence and slot", row.write_weights.slice(first), labels),
      slotsPicture("read, mean of the heads", means, labels))];
}

function viewsOf(response, input) {
  const rows = response.predictions;
  if (input.wav && response.outputs?.text) return soundView(response.outputs, input.wav);
  if (input.clip && response.outputs?.caption) return clipView(response.outputs, input);
  if (input.question !== undefined && rows?.[0]?.answer) return storyView(rows[0], input.question);
  if (input.prompt !== undefined && typeof rows?.[0] === "string") {
    return [make("pre", { className: "answer" }, input.prompt, make("strong", {}, rows[0]))];
  }
  if (input.lines && Array.isArray(rows)) return rows.map((row, index) => textView(input.lines[index], row));
  if (input.past && rows?.[0]?.alarm) return alarmsView(rows[0], input.past, input.names);
  if (input.past && (Array.isArray(rows[0]) || rows[0].forecast)) return forecastView(rows[0], input.past, input.names);
  return [make("pre", {}, JSON.stringify(response, null, 1))];
}

// The equivalent curl command; long bodies are offered as a file.
function curl(path, body) {
  const json = JSON.stringify(body);
  const token = tokenField.value ? " -H 'Authorization: Bearer TOKEN'" : "";
  const line = (data) => make("pre", {}, `curl${token} -d ${data} ${location.origin}${path}`);
  if (json.length <= 2000) return [line(`'${json.replaceAll("'", "'\\''")}'`)];
  const href = URL.createObjectURL(new Blob([json], { type: "application/json" }));
  return [line("@request.json"), make("small", {}, make("a", { href, download: "request.json" }, "request.json"))];
}

function section(model) {
  const form = formFor(model);
  const path = `/v1/models/${encodeURIComponent(model.name)}:predict`;
  const button = make("button", { type: "submit" }, "Predict");
  const results = make("div", { ariaLive: "polite" });
  const command = make("div", { className: "same" });
  const element = make("form", {}, form.element, button, results, command);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const input = await form.read();
      command.replaceChildren(...curl(path, input.body));
      results.replaceChildren(...viewsOf(await request(path, input.body), input));
    } catch (error) {
      results.replaceChildren(make("p", { className: "error" }, error.message));
    } finally {
      button.disabled = false;
    }
  });
  const about = Object.entries(model.signatures).map(([name, signature]) => {
    const inputs = Object.entries(signature.inputs).map(([key, spec]) => `${key} ${spec.dtype} [${spec.shape.map((n) => n ?? "?")}]`);
    return `${name}: ${inputs.join(", ")} → ${signature.outputs.join(", ")}`;
  });
  return make("section", { id: model.name }, make("h2", {}, `${model.name}, version ${model.version}`),
    make("p", { className: "about" }, make("small", {}, about.join("; "))), element);
}

async function start() {
  try {
    const { models } = await request("/page/models");
    main.replaceChildren(...models.map(section));
  } catch (error) {
    main.replaceChildren(make("p", { className: "error" }, error.message));
  }
}

tokenField.addEventListener("change", start);
start();

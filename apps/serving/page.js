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

async function ask(address, body) {
  const options = body ? { method: "POST", body: JSON.stringify(body), headers: headers() } : { headers: headers() };
  const response = await fetch(address, options);
  const answer = await response.json().catch(() => ({ error: `status ${response.status}, and no JSON` }));
  if (response.status === 401) tokenBox.hidden = false;
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// What a person gives, as tensors: one form for each kind of input that a model has.

function textForm(signature) {
  const field = make("textarea", { name: "texts", placeholder: "one text a line" });
  return {
    element: make("label", {}, make("small", {}, "Texts, one a line"), field),
    async read() {
      const lines = field.value.split("\n").filter((line) => line.trim());
      if (!lines.length) throw new Error("nothing to send: write a text");
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
  // What cannot be read as a number in the first row is a time or a name.
  const kept = rows[0].map((cell, place) => place).filter((place) => isNumber(rows[0][place]));
  if (columns && kept.length !== columns) {
    throw new Error(`the file has ${kept.length} columns of numbers; the model takes ${columns}`);
  }
  const values = rows.map((row, line) => kept.map((place) => {
    if (!isNumber(row[place] ?? "")) {
      throw new Error(`row ${line + 1}, column ${place + 1}: expected a number, found "${row[place] ?? ""}"`);
    }
    return Number(row[place]);
  }));
  const last = rows.at(-1)[rows[0].findIndex((cell) => !isNumber(cell) && Number.isFinite(secondsOf(cell)))];
  return { values, names: kept.map((place) => (header ? header[place] : `column ${place + 1}`)), time: secondsOf(last) };
}

// Times without a zone are taken as the training takes them: as UTC.
function secondsOf(cell) {
  const found = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(Z|[+-]\d{2}:?\d{2})?$/.exec(cell ?? "");
  return found ? Date.parse(`${found[1]}T${found[2] ?? "00:00"}${found[3] ?? "Z"}`) / 1000 : NaN;
}

function seriesForm(name, input, timed) {
  const [, steps, columns] = input.shape;
  const wanted = `CSV with ${columns ?? "any number of"} columns of numbers${timed ? " and one of times" : " (others are left out)"}; ` +
    (steps ? `the last ${steps} rows are used` : "all rows are used");
  const { zone, field } = dropZone(wanted, ".csv,text/csv");
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
  const happens = (name) => new Promise((resolve, reject) => {
    video.addEventListener(name, resolve, { once: true });
    video.addEventListener("error", () => reject(new Error("this browser cannot decode the clip; send a GIF")), { once: true });
  });
  await happens("loadeddata");
  const scale = Math.min(1, 320 / Math.max(video.videoWidth, video.videoHeight));
  const canvas = make("canvas", { width: video.videoWidth * scale, height: video.videoHeight * scale });
  const frames = [];
  for (let number = 0; number < count; number += 1) {
    const seeked = happens("seeked");
    video.currentTime = ((number + 0.5) * video.duration) / count;
    await seeked;
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
    frames.push({ b64: base64(await blob.arrayBuffer()) });
  }
  return frames;
}

function clipForm() {
  const { zone, field } = dropZone("A clip: a video, an animated GIF, or pictures in order", "video/*,image/*", true);
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

function jsonForm(inputs) {
  const field = make("textarea", { placeholder: '{"instances": [...]}' });
  const about = Object.entries(inputs).map(([name, one]) => `${name}: ${one.dtype} [${one.shape.map((n) => n ?? "?")}]`);
  return {
    element: make("label", {}, make("small", {}, `JSON of a request; ${about.join(", ")}`), field),
    async read() {
      return { body: JSON.parse(field.value) };
    },
  };
}

function formFor(model) {
  const inputs = model.signatures.serving_default?.inputs ?? {};
  const { time, ...others } = inputs;
  const [name, ...more] = Object.keys(others);
  const only = more.length ? undefined : others[name];
  if (model.signatures.encoded?.inputs.encoded?.dtype === "string") return clipForm();
  if (only?.dtype === "string" && only.shape.length === 1 && !time) return textForm(tellingMost(model.signatures));
  if (only?.dtype.startsWith("float") && only.shape.length === 3) return seriesForm(name, only, Boolean(time));
  return jsonForm(inputs);
}

// Signatures that answer with more than the default one does.
function tellingMost(signatures) {
  const name = ["classes", "attention"].find((each) => each in signatures);
  return name ? { signature_name: name } : {};
}

// Answers as people expect them.

function bar(label, share) {
  const filled = make("div");
  filled.style.width = `${100 * share}%`;
  const text = `${label} · ${(100 * share).toFixed(1)} %`;
  return make("div", { className: "answer" }, text, make("div", { className: "bar", title: text }, filled));
}

function textAnswer(line, row) {
  const told = typeof row === "object" ? row : { label: row };
  const said = told.label ?? told.translation ?? JSON.stringify(told);
  const box = make("div", { className: "answer" }, make("small", {}, line), make("br"), make("strong", {}, String(said)));
  if ("score" in told) box.append(make("small", {}, ` (score ${told.score.toFixed(2)})`));
  if (told.classes && told.scores) box.append(...told.classes.map((name, place) => bar(name, told.scores[place])));
  else if ("probability" in told) box.append(bar("probability", told.probability));
  if (told.attention) box.append(attentionPicture(told));
  return box;
}

function svg(tag, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

function attentionPicture(row) {
  const shown = (piece) => piece.replace(/^▁(?=.)/, "").replace("▁", "␣");
  const read = row.source_pieces.filter(Boolean).map(shown);
  const written = row.target_pieces.filter(Boolean).map(shown);
  const longest = (pieces) => Math.max(...pieces.map((piece) => piece.length));
  const size = 18, left = 14 + 7 * longest(written), slant = 6 * longest(read), top = 16 + slant;
  const width = left + size * read.length + slant / 2, height = top + size * written.length;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "what was looked at for each piece" });
  picture.style.cssText = `width: ${width}px; max-width: 100%; height: auto`;
  read.forEach((piece, place) => {
    const x = left + size * (place + 0.7);
    picture.append(svg("text", { x, y: top - 6, transform: `rotate(-60 ${x} ${top - 6})` }, piece));
  });
  written.forEach((piece, line) => {
    const y = top + size * line;
    picture.append(svg("text", { x: left - 6, y: y + 13, "text-anchor": "end" }, piece));
    read.forEach((other, place) => {
      const cell = { x: left + size * place, y, width: size - 1, height: size - 1, fill: "#2f6fb3" };
      const weight = row.attention[line][place];
      const square = svg("rect", { ...cell, "fill-opacity": Math.max(0.06, weight) });
      square.append(svg("title", {}, `${piece} ← ${other}: ${weight.toFixed(2)}`));
      picture.append(square);
    });
  });
  return make("details", { open: true }, make("summary", {}, "what it looked at"), picture);
}

function plot(name, past, middle, low, high) {
  const width = 800, height = 240, edge = 40;
  const shown = past.slice(-3 * middle.length);
  const all = [...shown, ...middle, ...(low ?? []), ...(high ?? [])];
  const least = Math.min(...all), most = Math.max(...all);
  const across = (place) => edge + ((width - edge) * place) / Math.max(1, shown.length + middle.length - 1);
  const up = (value) => height - 20 - ((height - 40) * (value - least)) / (most - least || 1);
  const points = (values, start = shown.length) => values.map((value, place) => `${across(start + place)},${up(value)}`);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `forecast of ${name}` });
  if (low && high) {
    const outline = [...points(low), ...points(high).reverse()].join(" ");
    picture.append(svg("polygon", { points: outline, fill: "#2f6fb3", opacity: 0.25 }));
  }
  picture.append(
    svg("polyline", { points: points(shown, 0).join(" "), fill: "none", stroke: "currentColor" }),
    svg("polyline", { points: points([shown.at(-1), ...middle], shown.length - 1).join(" "), fill: "none", stroke: "#2f6fb3", "stroke-width": 2 }),
    svg("text", { x: 0, y: 24 }, most.toPrecision(4)),
    svg("text", { x: 0, y: height - 16 }, least.toPrecision(4)),
    svg("text", { x: edge, y: 12 }, name),
  );
  return picture;
}

function forecastAnswer(row, past, names) {
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

function clipAnswer(outputs, read) {
  const source = URL.createObjectURL(read.clip);
  const shown = read.video
    ? make("video", { src: source, controls: true, muted: true, loop: true })
    : make("img", { src: source, alt: "the clip" });
  return [make("figure", { className: "frames" }, shown, make("figcaption", {}, make("strong", {}, outputs.caption[0])))];
}

function show(answer, read) {
  const rows = answer.predictions;
  if (read.clip && answer.outputs?.caption) return clipAnswer(answer.outputs, read);
  if (read.lines && Array.isArray(rows)) return rows.map((row, place) => textAnswer(read.lines[place], row));
  if (read.past && (Array.isArray(rows[0]) || rows[0].forecast)) return forecastAnswer(rows[0], read.past, read.names);
  return [make("pre", {}, JSON.stringify(answer, null, 1))];
}

// What does the same from a command line; a long request is a file of its own.
function curl(address, body) {
  const whole = JSON.stringify(body);
  const token = tokenField.value ? " -H 'Authorization: Bearer TOKEN'" : "";
  const line = (data) => make("pre", {}, `curl${token} -d ${data} ${location.origin}${address}`);
  if (whole.length <= 2000) return [line(`'${whole.replaceAll("'", "'\\''")}'`)];
  const href = URL.createObjectURL(new Blob([whole], { type: "application/json" }));
  return [line("@request.json"), make("small", {}, make("a", { href, download: "request.json" }, "request.json"))];
}

function section(model) {
  const form = formFor(model);
  const address = `/v1/models/${encodeURIComponent(model.name)}:predict`;
  const button = make("button", { type: "submit" }, "Ask");
  const answers = make("div", { ariaLive: "polite" });
  const same = make("div", { className: "same" });
  const element = make("form", {}, form.element, button, answers, same);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const read = await form.read();
      same.replaceChildren(...curl(address, read.body));
      answers.replaceChildren(...show(await ask(address, read.body), read));
    } catch (error) {
      answers.replaceChildren(make("p", { className: "error" }, error.message));
    } finally {
      button.disabled = false;
    }
  });
  const about = Object.entries(model.signatures).map(([name, signature]) => {
    const inputs = Object.entries(signature.inputs).map(([key, one]) => `${key} ${one.dtype} [${one.shape.map((n) => n ?? "?")}]`);
    return `${name}: ${inputs.join(", ")} → ${signature.outputs.join(", ")}`;
  });
  return make("section", { id: model.name }, make("h2", {}, `${model.name}, version ${model.version}`),
    make("p", { className: "about" }, make("small", {}, about.join("; "))), element);
}

async function start() {
  try {
    const { models } = await ask("/page/models");
    main.replaceChildren(...models.map(section));
  } catch (error) {
    main.replaceChildren(make("p", { className: "error" }, error.message));
  }
}

tokenField.addEventListener("change", start);
start();

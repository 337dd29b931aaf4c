// Drawing that knows no network: maps, lines, bars, and small helpers for the document.

export const find = (selector) => document.querySelector(selector);

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A number that stays readable, however large. */
export function show(value, digits = 3) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text = size !== 0 && (size >= 1e4 || size < 0.5 * 10 ** -digits) ? value.toExponential(1) : value.toFixed(size >= 100 ? 1 : digits);
  return text.replace(/-/g, "−");
}

export function options(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, text]) => make("option", { value, textContent: text })));
  if (chosen !== undefined && pairs.some(([value]) => String(value) === String(chosen))) select.value = chosen;
}

/** Whether names of all steps can be read side by side in a width in pixels. */
export const namesFit = (labels, width) => labels.length * (4 + 7 * Math.max(...labels.map((label) => label.length))) <= width;

const dark = matchMedia("(prefers-color-scheme: dark)");
/** Calls back when the page turns dark or light. */
export const onTheme = (callback) => dark.addEventListener("change", callback);
export const isDark = () => dark.matches;
export const colours = () => dark.matches
  ? { paper: [31, 34, 38], negative: [86, 180, 233], positive: [240, 134, 46] }
  : { paper: [246, 246, 244], negative: [0, 114, 178], positive: [213, 94, 0] };

function mix(value, { paper, negative, positive }) {
  const part = Number.isFinite(value) ? Math.min(1, Math.abs(value)) : 1, end = value < 0 ? negative : positive;
  return paper.map((from, channel) => Math.round(from + part * (end[channel] - from)));
}

// By theme and strength, the colours of values from -1 to 1: a step of a sequence has hundreds of them.
const scales = {};
function scaleOf(strength) {
  const palette = colours();
  return (scales[`${dark.matches} ${strength}`] ??= Array.from({ length: 255 }, (_, at) => `rgb(${mix((strength * (at - 127)) / 127, palette).join()})`));
}

/** Colour of a value between -1 and 1; `strength` below 1 keeps text on it readable. */
export const colour = (value, strength = 1) => scaleOf(strength)[Number.isNaN(value) ? 254 : Math.round(127 * Math.max(-1, Math.min(1, value))) + 127];

// What is written again makes the browser lay out and paint again, even if it is the same.
export function setText(element, text) {
  const node = element.firstChild;
  if (!node) element.textContent = text;
  else if (node.data !== text) node.data = text;
}

/** Write blocks, [tag, text or rows of a table], into an element; elements that are there already are used again. */
export function fillBlocks(element, blocks) {
  blocks.forEach(([tag, content], index) => {
    const child = childAt(element, index, tag);
    if (tag === "table") fillTable(child, content);
    else setText(child, content);
  });
  shorten(element, blocks.length);
}

function fillTable(table, rows) {
  rows.forEach((cells, r) => {
    const row = childAt(table, r, "tr");
    cells.forEach((text, index) => setText(childAt(row, index, "td"), text));
    shorten(row, cells.length);
  });
  shorten(table, rows.length);
}

function childAt(element, index, tag) {
  const child = element.children[index];
  if (child?.localName === tag) return child;
  const made = make(tag);
  if (child) child.replaceWith(made);
  else element.append(made);
  return made;
}

function shorten(element, count) {
  while (element.children.length > count) element.lastElementChild.remove();
}

/** Draw values[row][column] one pixel each; CSS enlarges them. */
export function drawMap(canvas, rows, limit = 1, height = 12) {
  const width = rows[0].length, palette = colours();
  canvas.width = width;
  canvas.height = rows.length;
  canvas.style.height = `${Math.max(48, Math.min(320, height * rows.length))}px`;
  const context = canvas.getContext("2d"), image = context.createImageData(width, rows.length);
  rows.forEach((row, r) => row.forEach((value, column) => image.data.set([...mix(value / limit, palette), 255], 4 * (r * width + column))));
  context.putImageData(image, 0, 0);
}

/** Largest absolute value in rows, at least `least`. */
export function largest(rows, least) {
  // A large layer has more numbers than a call has arguments.
  for (const row of rows) for (const value of row) if (Number.isFinite(value)) least = Math.max(least, Math.abs(value));
  return least;
}

/** Row and column of a map under the pointer. */
export function cellAt(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const at = (position, size, count) => Math.max(0, Math.min(count - 1, Math.floor((position / size) * count)));
  return [at(event.clientY - box.top, box.height, canvas.height), at(event.clientX - box.left, box.width, canvas.width)];
}

export const STYLES = [["var(--negative)", ""], ["var(--positive)", "7 4"], ["var(--third)", "2 3"], ["var(--ink)", "9 3 2 3"], ["var(--soft)", "1 2"]];

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function legend(element, names) {
  element.replaceChildren(...names.map((name, index) => {
    const [stroke, dash] = STYLES[index % STYLES.length];
    const line = svg("svg", { viewBox: "0 0 32 10", "aria-hidden": "true" }, svg("path", { d: "M0 5H32", class: "series", stroke, "stroke-dasharray": dash }));
    return make("span", { className: "key" }, line, name);
  }));
}

/** Round ends of an axis, and into how many parts it is cut. */
function ticks(least, most, log) {
  const range = Math.max(most - least, 1e-9), power = 10 ** Math.floor(Math.log10(range / 4));
  const size = log ? Math.max(1, Math.ceil(range / 5)) : [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => range / each <= 5);
  const bottom = Math.floor(least / size + 1e-9) * size, top = Math.max(bottom + size, Math.ceil(most / size - 1e-9) * size);
  return { bottom, top, parts: Math.round((top - bottom) / size) };
}

const HEIGHT = 230, LEFT = 46, BOTTOM = 24, TOP = 10;

/**
 * Draw lines over whole steps. `log` draws powers of ten, from values that must be positive.
 * Returns a function that moves a marker to a position on the x axis.
 */
export function drawLines(element, lines, { low, high, log = false, xTitle = "step", from = 0, marker = null } = {}) {
  const values = lines.flat().filter((value) => Number.isFinite(value) && (!log || value > 0)).map((value) => (log ? Math.log10(value) : value));
  const least = low ?? Math.min(...values, log ? -1 : Infinity), most = high ?? Math.max(...values, log ? 1 : -Infinity);
  const { bottom, top, parts } = ticks(Number.isFinite(least) ? least : -1, Number.isFinite(most) ? most : 1, log);
  const count = Math.max(2, ...lines.map((line) => line.length));
  // As wide as it is shown, so that texts keep their size.
  const width = Math.max(240, element.clientWidth);
  const x = (index) => LEFT + ((width - LEFT - 12) * index) / (count - 1);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - (Math.max(bottom, Math.min(top, value)) - bottom) / (top - bottom));
  element.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  const children = [];
  for (let part = 0; part <= parts; part++) {
    const value = bottom + ((top - bottom) * part) / parts;
    children.push(svg("path", { d: `M${LEFT} ${y(value)}H${width - 12}`, class: "axis" }));
    const text = log ? (10 ** value).toExponential(0).replace("e+0", "").replace("e+", "e") : show(value, 2);
    children.push(svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, text.replace(/-/g, "−")));
  }
  children.push(svg("text", { x: LEFT, y: HEIGHT - 6 }, String(from)), svg("text", { x: width - 12, y: HEIGHT - 6, "text-anchor": "end" }, `${xTitle} ${count - 1 + from}`));
  lines.forEach((line, index) => {
    let path = "", pen = "M";
    line.forEach((value, at) => {
      if (value === null || Number.isNaN(value) || (log && !(value >= 10 ** bottom && value <= 10 ** top))) { pen = "M"; return; }
      path += `${pen}${x(at).toFixed(1)} ${y(log ? Math.log10(value) : value).toFixed(1)}`;
      pen = "L";
    });
    const [stroke, dash] = STYLES[index % STYLES.length];
    children.push(svg("path", { d: path, class: "series", stroke, "stroke-dasharray": dash }));
  });
  const line = svg("path", { class: "series", d: `M0 ${TOP}V${HEIGHT - BOTTOM}`, stroke: "var(--ink)" });
  const move = (position) => {
    line.setAttribute("visibility", position === null || position < 0 ? "hidden" : "visible");
    line.setAttribute("transform", `translate(${x(Math.max(0, position ?? 0))} 0)`);
  };
  element.replaceChildren(...children, line);
  move(marker);
  return move;
}

/** Draw a path of points in the plane; returns a function that moves the mark to a point and fades those after it. */
export function drawPath(element, points, labels) {
  const size = 300, edge = 24;
  const reach = Math.max(1e-9, ...points.flat().filter(Number.isFinite).map(Math.abs));
  const place = ([a, b]) => [size / 2 + ((size / 2 - edge) * a) / reach, size / 2 - ((size / 2 - edge) * b) / reach].map((value) => (Number.isFinite(value) ? value : size / 2));
  element.setAttribute("viewBox", `0 0 ${size} ${size}`);
  element.style.maxHeight = "24rem";
  const at = points.map(place), text = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const done = svg("path", { class: "series", stroke: "var(--negative)" });
  const dots = at.map(([x, y], index) => svg("text", { x, y: y + 4, "text-anchor": "middle", class: "strong" }, labels[index]));
  const mark = svg("circle", { r: 11, fill: "none", stroke: "var(--positive)", "stroke-width": 2.5 });
  element.replaceChildren(
    svg("path", { class: "axis", d: `M${edge} ${size / 2}H${size - edge}M${size / 2} ${edge}V${size - edge}` }),
    svg("path", { class: "axis", d: `M${at.map(text).join("L")}` }),
    done, ...dots, mark,
  );
  let before = -1;
  dots.forEach((dot) => dot.classList.add("later"));
  const starts = at.map(text);
  return (index) => {
    done.setAttribute("d", index < 0 ? "" : `M${starts.slice(0, index + 1).join("L")}`);
    mark.setAttribute("visibility", index < 0 ? "hidden" : "visible");
    for (let each = Math.min(before, index) + 1; each <= Math.max(before, index); each++) dots[each].classList.toggle("later", each > index);
    before = index;
    mark.setAttribute("transform", `translate(${text(at[Math.max(0, index)]).replace(" ", ",")})`);
  };
}

/**
 * Draw bars: rows of {name, part, text}, and maybe `other`, drawn thinner below to compare, and `right`, what to say of the
 * right one. Bars that are there already are used again.
 */
export function fillBars(element, rows) {
  rows.forEach(({ name, part, text, other = null, right = "" }, index) => {
    let row = element.children[index];
    if (!row?.classList.contains("bar")) {
      const made = make("div", { className: "bar" }, make("span"), make("div", {}, make("i"), make("i", { className: "other" })), make("span"));
      if (row) row.replaceWith(made);
      else element.append(made);
      row = made;
    }
    const [title, box, number] = row.children, [length, second] = box.children;
    setText(title, right ? `${name} \u2713` : name);
    setText(number, text);
    setScale(length, part);
    setScale(second, other ?? 0);
    if (row.title !== right) {
      row.title = right;
      row.classList.toggle("right", right !== "");
    }
  });
  shorten(element, rows.length);
}

// Unlike a width, a scale needs no new layout.
function setScale(element, part) {
  element.style.transform = `scaleX(${Math.max(0, Math.min(1, part || 0)).toFixed(4)})`;
}

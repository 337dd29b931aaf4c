// The address holds what is seen.

import { find } from "./views.js";

// Controls that the address holds where they do not stand at their defaults.
const CONTROLS = ["compare", "target", "norm-weights", "scale", "forget", "limit"];
const defaultOf = (control) => (control.type === "checkbox" ? "" : control.defaultValue ?? control.options[0]?.value ?? "");
const valueOf = (control) => (control.type === "checkbox" ? (control.checked ? "1" : "") : control.value);

let saving = null;

/** Write into the address what `lab` shows. */
export function saveLink(lab) {
  clearTimeout(saving);
  // Browsers refuse many changes of the address in a short time.
  saving = setTimeout(() => {
    const values = { network: lab.task?.name ?? "run", cell: lab.cell, text: lab.text, step: lab.t, unit: lab.unit };
    if (lab.changes.length) values.changes = JSON.stringify(lab.changes);
    for (const name of CONTROLS) {
      const control = find(`#${name}`);
      if (valueOf(control) !== defaultOf(control)) values[name] = valueOf(control);
    }
    history.replaceState(null, "", `#${new URLSearchParams(values)}`);
  }, 250);
}

/** Save the address when one of its controls changes. */
export function setUpLink(lab) {
  for (const name of CONTROLS) find(`#${name}`).addEventListener("change", () => saveLink(lab));
}

/** Set the controls as the address says, and others to their defaults; what follows from them is to be drawn afterwards. */
export function restoreControls() {
  const values = new URLSearchParams(location.hash.slice(1));
  for (const name of CONTROLS) {
    const control = find(`#${name}`), given = values.get(name);
    if (control.type === "checkbox") control.checked = given === "1";
    else control.value = given === null || (control.type === "range" && !Number.isFinite(Number(given))) ? defaultOf(control) : given;
    if (control.value === "" && control.options?.length) control.value = defaultOf(control);
  }
}

/** Read the address: network, cell, and where given text, changes, step and unit; `isBroken` if the changes are unreadable. */
export function readLink() {
  const values = new URLSearchParams(location.hash.slice(1)), whole = (name, other) => Math.trunc(Number(values.get(name) ?? other)) || 0;
  const given = { network: values.get("network"), cell: values.get("cell"), step: whole("step", 1), unit: whole("unit", 0), changes: [], isBroken: false };
  if (values.has("text")) given.text = values.get("text");
  try {
    const changes = JSON.parse(values.get("changes") ?? "[]");
    if (Array.isArray(changes)) given.changes = changes;
  } catch {
    given.isBroken = true;
  }
  return given;
}

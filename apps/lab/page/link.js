// The address holds what is seen.

let saving = null;

/** Write into the address what `lab` shows. */
export function saveLink(lab) {
  clearTimeout(saving);
  // Browsers refuse many changes of the address in a short time.
  saving = setTimeout(() => {
    const values = { network: lab.task?.name ?? "run", cell: lab.cell, text: lab.text, step: lab.t, unit: lab.unit };
    if (lab.changes.length) values.changes = JSON.stringify(lab.changes);
    history.replaceState(null, "", `#${new URLSearchParams(values)}`);
  }, 250);
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

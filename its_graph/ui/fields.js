/** Controls with their labels, and what stands in them. */

import { h } from "./dom.js";

/** Return a control for a number: a whole one, unless its attributes give another step. */
export function number(id, attributes) {
  return h("input", { type: "number", id, step: 1, inputmode: "numeric", ...attributes });
}

/** Return a control under its label. */
export function field(label, control) {
  return h("div.field", {}, h("label", { for: control.id }, label), control);
}

/** Return the number that stands in a control; null where it is empty. */
export function read(input) {
  return input.value === "" ? null : Number(input.value);
}

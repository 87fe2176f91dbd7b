/** Labeled form controls and their values. */

import { h } from "./dom.js";

/** Return a number input; integers only, unless the attributes set another step. */
export function numberInput(id, attributes) {
  return h("input", { type: "number", id, step: 1, inputmode: "numeric", ...attributes });
}

/** Return a control below its label. */
export function labeledField(label, control) {
  return h("div.field", {}, h("label", { for: control.id }, label), control);
}

/** Return the number in an input; null if it is empty. */
export function numberValue(input) {
  return input.value === "" ? null : Number(input.value);
}

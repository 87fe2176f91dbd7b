/** When a search asks a person: never, every so many rounds, or when its best score leaves it in doubt. */

import { h } from "./dom.js";
import { field, number, read } from "./fields.js";

const WHEN = { never: "never", every: "regularly", unsure: "when unsure" };

export class Asking {
  constructor() {
    const known = Object.entries(WHEN).map(([value, said]) => h("option", { value }, said));
    this.when = h("select", { id: "asking", onchange: () => this.#adapt() }, known);
    this.every = number("every", { min: 1, value: 2, required: true });
    this.low = number("unsure-above", { step: "any", value: 0.3, inputmode: "decimal", required: true });
    this.high = number("unsure-below", { step: "any", value: 0.7, inputmode: "decimal", required: true });
    this.element = field("Ask me", this.when);
    this.details = {
      every: group("every", field("Every k rounds", this.every)),
      unsure: group("unsure", field("Best score above", this.low), field("and below", this.high)),
    };
    this.#adapt();
  }

  /** Tell whether there is anything to ask about, and why not. */
  allow(allowed, reason) {
    this.when.disabled = !allowed;
    this.when.title = allowed ? "" : reason;
    this.#adapt();
  }

  /** What a request says of it. */
  request() {
    if (this.when.value === "every") return { every: read(this.every) };
    return this.when.value === "unsure" ? { unsure: [read(this.low), read(this.high)] } : null;
  }

  #adapt() {
    for (const [when, part] of Object.entries(this.details)) {
      part.hidden = part.disabled = this.when.disabled || this.when.value !== when;
    }
  }
}

function group(name, ...fields) {
  return h("fieldset", { "aria-label": `Ask me: ${WHEN[name]}` }, h("div.pair", {}, fields));
}

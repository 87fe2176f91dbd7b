/** Form fields for when a search asks a person: never, every k rounds, or when its best score is uncertain. */

import { h } from "./dom.js";
import { labeledField, numberInput, numberValue } from "./form-fields.js";

const SCHEDULES = { never: "never", every: "regularly", uncertain: "if uncertain" };

export class SteeringFields {
  constructor() {
    const options = Object.entries(SCHEDULES).map(([value, text]) => h("option", { value }, text));
    this.schedule = h("select", { id: "steering", onchange: () => this.#showDetails() }, options);
    this.every = numberInput("every", { min: 1, value: 2, required: true });
    this.low = numberInput("uncertain-above", { step: "any", value: 0.3, inputmode: "decimal", required: true });
    this.high = numberInput("uncertain-below", { step: "any", value: 0.7, inputmode: "decimal", required: true });
    this.element = labeledField("Ask me", this.schedule);
    this.details = {
      every: fieldset("every", labeledField("Every k rounds", this.every)),
      uncertain: fieldset("uncertain", labeledField("Best score above", this.low), labeledField("and below", this.high)),
    };
    this.#showDetails();
  }

  /** Enable or disable the fields; `reason` says why they are disabled. */
  setEnabled(enabled, reason) {
    this.schedule.disabled = !enabled;
    this.schedule.title = enabled ? "" : reason;
    this.#showDetails();
  }

  /** The value of a request's `steer` field. */
  request() {
    if (this.schedule.value === "every") return { every: numberValue(this.every) };
    return this.schedule.value === "uncertain" ? { uncertain: [numberValue(this.low), numberValue(this.high)] } : null;
  }

  #showDetails() {
    for (const [schedule, details] of Object.entries(this.details)) {
      details.hidden = details.disabled = this.schedule.disabled || this.schedule.value !== schedule;
    }
  }
}

function fieldset(schedule, ...fields) {
  return h("fieldset", { "aria-label": `Ask me: ${SCHEDULES[schedule]}` }, h("div.pair", {}, fields));
}

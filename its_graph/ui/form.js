/** The form that asks: a question, how to search, and within which limits. */

import { fill, h } from "./dom.js";
import { StrategyFields } from "./strategy_fields.js";
import { words } from "./wording.js";

export class AskForm {
  /**
   * @param catalog what the server offers
   * @param onAsk called with one search request, or two to compare; resolves when the searches exist
   */
  constructor(catalog, onAsk) {
    Object.assign(this, { catalog, onAsk });
    this.question = h("textarea", { id: "question", rows: 3, required: true });
    this.first = new StrategyFields(catalog, "first", catalog.defaults.strategy, () => this.#adapt());
    this.second = new StrategyFields(catalog, "second", "best_of_n", () => this.#adapt());
    this.compare = h("input", { type: "checkbox", id: "compare", onchange: () => this.#adapt() });
    this.model = h("select", { id: "model" }, catalog.models.map((name) => h("option", { value: name }, name)));
    this.model.value = catalog.defaults.model;
    this.tokens = number("tokens", { min: 0, placeholder: "none" });
    this.seed = number("seed", { min: 0, value: 0 });
    this.every = number("every", { min: 1, placeholder: "never" });
    this.problem = h("p.problem", { role: "alert", hidden: true });
    this.submit = h("button.primary", { type: "submit" }, "Search");
    this.element = h("form.ask", { "aria-label": "Ask", onsubmit: (event) => this.#ask(event) }, this.#parts());
    this.#adapt();
  }

  #parts() {
    this.rival = h("fieldset.rival", {}, h("legend", {}, "Second search"), this.second.element);
    return [
      h("label", { for: "question" }, "Question"), this.question,
      this.first.element,
      h("label.check", {}, this.compare, "Compare with a second strategy"), this.rival,
      h("div.pair", {}, field("model", "Model", this.model), field("seed", "Seed", this.seed)),
      h("div.pair", {}, field("tokens", "Budget, tokens", this.tokens), field("every", "Ask me every k rounds", this.every)),
      this.problem, this.submit,
    ];
  }

  #adapt() {
    if (!this.submit) return;
    this.rival.hidden = this.rival.disabled = !this.compare.checked;
    const searches = this.compare.checked ? [this.first, this.second] : [this.first];
    this.every.disabled = !searches.some((one) => one.strategy.steerable);
    this.every.title = this.every.disabled ? `${words(searches[0].strategy.name)} cannot be steered.` : "";
  }

  async #ask(event) {
    event.preventDefault();
    this.submit.disabled = true;
    this.say(null);
    try {
      await this.onAsk(this.requests());
    } catch (error) {
      this.say(error.param ? `${error.param}: ${error.message}` : error.message);
    } finally {
      this.submit.disabled = false;
    }
  }

  /** The requests as the form stands. */
  requests() {
    const searches = this.compare.checked ? [this.first, this.second] : [this.first];
    return searches.map((fields) => ({
      problem: this.question.value,
      strategy: fields.strategy.name,
      model: this.model.value || null,
      options: fields.options(),
      seed: whole(this.seed),
      budget: this.tokens.value === "" ? {} : { tokens: whole(this.tokens) },
      steer: fields.strategy.steerable && this.every.value !== "" ? { every: whole(this.every) } : null,
    }));
  }

  /** Say what is wrong, or that nothing is (null). */
  say(message) {
    this.problem.hidden = message === null;
    fill(this.problem, message);
  }
}

function number(id, attributes) {
  return h("input", { type: "number", id, step: 1, inputmode: "numeric", ...attributes });
}

function field(id, label, control) {
  return h("div.field", {}, h("label", { for: id }, label), control);
}

function whole(input) {
  return input.value === "" ? null : Number(input.value);
}

/** The form that asks: a question, how to search, and within which limits. */

import { Asking } from "./asking.js";
import { fill, h } from "./dom.js";
import { field, number, read } from "./fields.js";
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
    this.asking = new Asking();
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
      h("div.pair", {}, field("Model", this.model), field("Seed", this.seed)),
      h("div.pair", {}, field("Budget, tokens", this.tokens), this.asking.element),
      Object.values(this.asking.details),
      this.problem, this.submit,
    ];
  }

  #adapt() {
    if (!this.submit) return;
    this.rival.hidden = this.rival.disabled = !this.compare.checked;
    const searches = this.compare.checked ? [this.first, this.second] : [this.first];
    const steerable = searches.some((one) => one.strategy.steerable);
    this.asking.allow(steerable, `${words(searches[0].strategy.name)} cannot be steered.`);
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
      seed: read(this.seed),
      budget: this.tokens.value === "" ? {} : { tokens: read(this.tokens) },
      steer: fields.strategy.steerable ? this.asking.request() : null,
    }));
  }

  /** Say what is wrong, or that nothing is (null). */
  say(message) {
    this.problem.hidden = message === null;
    fill(this.problem, message);
  }
}

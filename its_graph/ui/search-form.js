/** The form that starts a search: question, strategy, model and budget. */

import { h, replaceContents } from "./dom.js";
import { labeledField, numberInput, numberValue } from "./form-fields.js";
import { displayName } from "./format.js";
import { SteeringFields } from "./steering-fields.js";
import { StrategyFields } from "./strategy-fields.js";

export class SearchForm {
  /**
   * @param catalog the server's models and strategies
   * @param onSubmit called with one search request, or two to compare; resolves when the searches have started
   */
  constructor(catalog, onSubmit) {
    Object.assign(this, { catalog, onSubmit });
    this.question = h("textarea", { id: "question", rows: 3, required: true });
    this.first = new StrategyFields(catalog, "first", catalog.defaults.strategy, () => this.#update());
    this.second = new StrategyFields(catalog, "second", "best_of_n", () => this.#update());
    this.compare = h("input", { type: "checkbox", id: "compare", onchange: () => this.#update() });
    this.model = h("select", { id: "model" }, catalog.models.map((name) => h("option", { value: name }, name)));
    this.model.value = catalog.defaults.model;
    this.tokens = numberInput("tokens", { min: 0, placeholder: "none" });
    this.seed = numberInput("seed", { min: 0, value: 0 });
    this.steering = new SteeringFields();
    this.errorText = h("p.error", { role: "alert", hidden: true });
    this.submit = h("button.primary", { type: "submit" }, "Search");
    const onsubmit = (event) => this.#submit(event);
    this.element = h("form.search-form", { "aria-label": "New search", onsubmit }, this.#parts());
    this.#update();
  }

  #parts() {
    this.secondSearch = h("fieldset.second-search", {}, h("legend", {}, "Second search"), this.second.element);
    return [
      h("label", { for: "question" }, "Question"), this.question,
      this.first.element,
      h("label.check", {}, this.compare, "Compare with a second strategy"), this.secondSearch,
      h("div.pair", {}, labeledField("Model", this.model), labeledField("Seed", this.seed)),
      h("div.pair", {}, labeledField("Token budget", this.tokens), this.steering.element),
      Object.values(this.steering.details),
      this.errorText, this.submit,
    ];
  }

  get #strategyFields() {
    return this.compare.checked ? [this.first, this.second] : [this.first];
  }

  #update() {
    if (!this.submit) return;
    this.secondSearch.hidden = this.secondSearch.disabled = !this.compare.checked;
    const strategies = this.#strategyFields.map((fields) => fields.strategy);
    const steerable = strategies.some((strategy) => strategy.steerable);
    this.steering.setEnabled(steerable, `${displayName(strategies[0].name)} does not support steering.`);
  }

  async #submit(event) {
    event.preventDefault();
    this.submit.disabled = true;
    this.showError(null);
    try {
      await this.onSubmit(this.requests());
    } catch (error) {
      this.showError(error.param ? `${error.param}: ${error.message}` : error.message);
    } finally {
      this.submit.disabled = false;
    }
  }

  /** The search requests of the form. */
  requests() {
    return this.#strategyFields.map((fields) => ({
      problem: this.question.value,
      strategy: fields.strategy.name,
      model: this.model.value || null,
      options: fields.options(),
      seed: numberValue(this.seed),
      budget: this.tokens.value === "" ? {} : { tokens: numberValue(this.tokens) },
      steer: fields.strategy.steerable ? this.steering.request() : null,
    }));
  }

  /** Show an error; null clears it. */
  showError(message) {
    this.errorText.hidden = message === null;
    replaceContents(this.errorText, message);
  }
}

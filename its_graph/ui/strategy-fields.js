/** Form fields for a strategy and its options; only options that differ from their defaults are sent. */

import { h, replaceContents } from "./dom.js";
import { displayName } from "./format.js";

const MAIN_OPTIONS = ["n", "width"];

export class StrategyFields {
  /**
   * @param idPrefix prefix of the ids of the fields, unique on the page
   * @param initial name of the strategy to select
   * @param onChange called when another strategy is selected
   */
  constructor(catalog, idPrefix, initial, onChange) {
    Object.assign(this, { catalog, idPrefix, onChange });
    const { strategies } = catalog;
    const options = strategies.map(({ name }) => h("option", { value: name }, displayName(name)));
    this.select = h("select", { id: `${idPrefix}-strategy`, onchange: () => this.#showStrategy() }, options);
    this.select.value = strategies.some(({ name }) => name === initial) ? initial : strategies[0].name;
    this.description = h("p.muted.description");
    this.fields = h("div.options");
    const label = h("label", { for: this.select.id }, "Strategy");
    this.element = h("div.strategy", {}, label, this.select, this.description, this.fields);
    this.#showStrategy();
  }

  get strategy() {
    return this.catalog.strategies.find(({ name }) => name === this.select.value);
  }

  /** The options that differ from their defaults. */
  options() {
    const defaults = this.strategy.options;
    const values = [...this.inputs].map(([name, input]) => [name, inputValue(input, defaults[name])]);
    const isSet = ([name, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(defaults[name]);
    return Object.fromEntries(values.filter(isSet));
  }

  #showStrategy() {
    const { options, summary, cost, when } = this.strategy;
    this.inputs = new Map(Object.entries(options).map(([name, value]) => [name, this.#input(name, value)]));
    const main = MAIN_OPTIONS.filter((name) => name in options);
    const rest = Object.keys(options).filter((name) => !MAIN_OPTIONS.includes(name));
    const rows = (names) => h("div.pair", {}, names.map((name) => this.#field(name)));
    replaceContents(this.description, summary.replaceAll("`", ""));
    this.description.title = [cost && `Cost: ${cost}`, when && `When: ${when}`].filter(Boolean).join("\n");
    const more = rest.length ? h("details", {}, h("summary", {}, "More options"), rows(rest)) : null;
    replaceContents(this.fields, main.length ? rows(main) : null, more);
    this.onChange();
  }

  #input(name, value) {
    const id = `${this.idPrefix}-${name}`;
    if (typeof value === "boolean") return h("input", { type: "checkbox", id, checked: value });
    if (typeof value === "number") {
      return h("input", { type: "number", id, step: Number.isInteger(value) ? 1 : "any", value });
    }
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return h("input", { type: "text", id, value: value === null ? "" : text });
  }

  #field(name) {
    const input = this.inputs.get(name);
    return h("div.field", {}, h("label", { for: input.id }, displayName(name)), input);
  }
}

/** Return the value of an input: undefined if empty; parsed as JSON where possible, else text. */
function inputValue(input, defaultValue) {
  if (input.type === "checkbox") return input.checked;
  if (input.value.trim() === "") return undefined;
  if (typeof defaultValue === "string") return input.value;
  try {
    return JSON.parse(input.value);
  } catch (error) {
    if (error instanceof SyntaxError) return input.value;
    throw error;
  }
}

/** Which strategy, and its options as fields; only what differs from a default is sent. */

import { fill, h } from "./dom.js";
import { words } from "./wording.js";

const FIRST = ["n", "width"];

export class StrategyFields {
  /**
   * @param name tells the fields of two strategies on one page apart
   * @param chosen the strategy to begin with
   * @param onChange called when another is chosen
   */
  constructor(catalog, name, chosen, onChange) {
    Object.assign(this, { catalog, name, onChange });
    const known = catalog.strategies.map((one) => h("option", { value: one.name }, words(one.name)));
    this.select = h("select", { id: `${name}-strategy`, onchange: () => this.#choose() }, known);
    this.select.value = catalog.strategies.some((one) => one.name === chosen) ? chosen : catalog.strategies[0].name;
    this.about = h("p.soft.about");
    this.fields = h("div.options");
    this.element = h("div.strategy", {}, h("label", { for: this.select.id }, "Strategy"), this.select, this.about, this.fields);
    this.#choose();
  }

  get strategy() {
    return this.catalog.strategies.find((one) => one.name === this.select.value);
  }

  /** The options that differ from their defaults. */
  options() {
    const given = [...this.inputs].map(([option, input]) => [option, read(input, this.strategy.options[option])]);
    const differs = ([option, value]) => value !== undefined && !same(value, this.strategy.options[option]);
    return Object.fromEntries(given.filter(differs));
  }

  #choose() {
    const { options, summary, cost, when } = this.strategy;
    this.inputs = new Map(Object.entries(options).map(([option, value]) => [option, this.#input(option, value)]));
    const [early, late] = [FIRST.filter((one) => one in options), Object.keys(options).filter((one) => !FIRST.includes(one))];
    const rows = (names) => h("div.pair", {}, names.map((option) => this.#field(option)));
    fill(this.about, summary.replaceAll("`", ""));
    this.about.title = [cost && `Cost: ${cost}`, when && `When: ${when}`].filter(Boolean).join("\n");
    const more = late.length ? h("details", {}, h("summary", {}, "More options"), rows(late)) : null;
    fill(this.fields, early.length ? rows(early) : null, more);
    this.onChange();
  }

  #input(option, value) {
    const id = `${this.name}-${option}`;
    if (typeof value === "boolean") return h("input", { type: "checkbox", id, checked: value });
    if (typeof value === "number") return h("input", { type: "number", id, step: Number.isInteger(value) ? 1 : "any", value });
    const shown = typeof value === "string" ? value : JSON.stringify(value);
    return h("input", { type: "text", id, value: value === null ? "" : shown });
  }

  #field(option) {
    const input = this.inputs.get(option);
    return h("div.field", {}, h("label", { for: input.id }, words(option)), input);
  }
}

/** What stands in a field: undefined where it is empty, a number or JSON where it reads as such, else text. */
function read(input, standard) {
  if (input.type === "checkbox") return input.checked;
  if (input.value.trim() === "") return undefined;
  if (typeof standard === "string") return input.value;
  try {
    return JSON.parse(input.value);
  } catch (error) {
    if (error instanceof SyntaxError) return input.value;
    throw error;
  }
}

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

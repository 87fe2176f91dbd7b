/** Spend against budget: a bar for each limit, and plain numbers for spend without a limit. */

import { h, replaceContents } from "./dom.js";
import { displayName, formatQuantity } from "./format.js";
import { limitsOf, spendOf } from "./spend.js";

const NEAR_LIMIT = 0.9;

export class BudgetBars {
  constructor() {
    this.element = h("div.budget-bars");
  }

  show(state) {
    const limits = limitsOf(state);
    const limited = new Set(limits.map(([name]) => name));
    const spend = spendOf(state);
    const unlimited = ["tokens", "calls", "seconds"].filter((name) => !limited.has(name));
    replaceContents(
      this.element,
      limits.map(([name, used, limit]) => budgetBar(name, used, limit)),
      unlimited.map((name) => amount(name, spend[name])),
    );
  }
}

function amount(name, used) {
  return h("span.figure", {}, h("b", {}, formatQuantity(name, used)), name === "seconds" ? "" : ` ${name}`);
}

function budgetBar(name, used, limit) {
  const fill = h("span.fill");
  fill.style.width = `${Math.min(100, limit > 0 ? (used / limit) * 100 : 100)}%`;
  const text = `${formatQuantity(name, used)} of ${formatQuantity(name, limit)}`;
  const value = { "aria-valuenow": Math.min(used, limit), "aria-valuetext": text };
  const range = { "aria-valuemin": 0, "aria-valuemax": limit, ...value };
  const tag = used >= limit * NEAR_LIMIT ? "span.bar.near-limit" : "span.bar";
  const meter = h(tag, { role: "meter", "aria-label": displayName(name), ...range }, fill);
  return h("span.budget-bar", {}, h("span.muted", {}, displayName(name)), meter, h("span.figure", {}, text));
}

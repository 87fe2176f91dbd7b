/** Spend against budget: a bar for each limit, and what was used where there is none. */

import { fill, h } from "./dom.js";
import { limitsOf, spendOf } from "./spend.js";
import { quantity, words } from "./wording.js";

const NEARLY = 0.9;

export class Gauges {
  constructor() {
    this.element = h("div.gauges");
  }

  show(state) {
    const limits = limitsOf(state);
    const limited = new Set(limits.map(([name]) => name));
    const spend = spendOf(state);
    const free = ["tokens", "calls", "seconds"].filter((name) => !limited.has(name));
    fill(
      this.element,
      limits.map(([name, used, limit]) => gauge(name, used, limit)),
      free.map((name) => h("span.figure", {}, h("b", {}, quantity(name, spend[name])), name === "seconds" ? "" : ` ${name}`)),
    );
  }
}

function gauge(name, used, limit) {
  const bar = h("span.fill");
  bar.style.width = `${Math.min(100, limit > 0 ? (used / limit) * 100 : 100)}%`;
  const text = `${quantity(name, used)} of ${quantity(name, limit)}`;
  const range = { "aria-valuemin": 0, "aria-valuemax": limit, "aria-valuenow": Math.min(used, limit), "aria-valuetext": text };
  const look = used >= limit * NEARLY ? "span.bar.nearly" : "span.bar";
  const meter = h(look, { role: "meter", "aria-label": words(name), ...range }, bar);
  return h("span.gauge", {}, h("span.soft", {}, words(name)), meter, h("span.figure", {}, text));
}

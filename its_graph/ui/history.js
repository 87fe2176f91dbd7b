/** The searches that the server remembers, newest first. */

import { fill, h } from "./dom.js";
import { questionText, shorten, words } from "./wording.js";

export class History {
  /** @param onOpen called with the id of a search; @param onCompare called with that of one to be put beside what is seen */
  constructor(onOpen, onCompare) {
    Object.assign(this, { onOpen, onCompare });
    this.list = h("ul");
    this.element = h("nav.history", { "aria-label": "Earlier searches" }, h("h2", {}, "Searches"), this.list);
  }

  /** Show these searches; those of `seen` (ids) are on the stage. */
  show(searches, seen) {
    this.element.hidden = searches.length === 0;
    fill(this.list, searches.map((search) => this.#row(search, seen.includes(search.id))));
  }

  #row(search, seen) {
    const open = h("button.plain", { type: "button", "aria-current": seen ? "true" : null, onclick: () => this.onOpen(search.id) },
      h(`span.badge.${search.status}`, { title: search.status }, search.status),
      h("span.what", {}, words(search.strategy)),
      h("time.soft", {}, new Date(search.created * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
      h("span.soft.asked", {}, shorten(questionText(search.question).replace(/\s+/g, " "), 60)));
    const beside = h("button.small", {
      type: "button", title: "Show beside the search that is open", disabled: seen,
      "aria-label": `Compare with ${words(search.strategy)}`, onclick: () => this.onCompare(search.id),
    }, "Beside");
    return h("li", {}, open, beside);
  }
}

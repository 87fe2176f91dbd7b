/** The searches that the server remembers, newest first. */

import { fill, h } from "./dom.js";
import { questionText, shorten, words } from "./wording.js";

export class History {
  /** @param onOpen called with the id of a search; @param onCompare called with that of one to be put beside what is seen */
  constructor(onOpen, onCompare) {
    Object.assign(this, { onOpen, onCompare });
    this.rows = new Map();
    this.list = h("ul");
    this.element = h("nav.history", { "aria-label": "Earlier searches" }, h("h2", {}, "Searches"), this.list);
  }

  /** Show these searches; those of `seen` (ids) are on the stage. A row stays what it is: it may be under a finger. */
  show(searches, seen) {
    this.element.hidden = searches.length === 0;
    const known = this.rows;
    this.rows = new Map(searches.map((search) => [search.id, known.get(search.id) ?? this.#row(search)]));
    for (const { id, status } of searches) mark(this.rows.get(id), status, seen.includes(id));
    const rows = [...this.rows.values()];
    const same = rows.length === this.list.children.length && rows.every((row, place) => row === this.list.children[place]);
    if (!same) fill(this.list, rows);
  }

  #row(search) {
    const open = h("button.plain", { type: "button", onclick: () => this.onOpen(search.id) },
      h("span.badge"),
      h("span.what", {}, words(search.strategy)),
      h("time.soft", {}, new Date(search.created * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
      h("span.soft.asked", {}, shorten(questionText(search.question).replace(/\s+/g, " "), 60)));
    const beside = h("button.small", {
      type: "button", title: "Show beside the search that is open",
      "aria-label": `Compare with ${words(search.strategy)}`, onclick: () => this.onCompare(search.id),
    }, "Beside");
    return h("li", {}, open, beside);
  }
}

/** Say in a row how its search stands, and whether it is on the stage. */
function mark(row, status, seen) {
  const [open, beside] = row.children;
  const badge = open.firstChild;
  badge.className = `badge ${status}`;
  badge.textContent = badge.title = status;
  seen ? open.setAttribute("aria-current", "true") : open.removeAttribute("aria-current");
  beside.disabled = seen;
}

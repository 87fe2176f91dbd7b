/** The list of searches that the server knows, newest first. */

import { h, replaceContents } from "./dom.js";
import { displayName, questionText, truncate } from "./format.js";

export class SearchHistory {
  /**
   * @param onOpen called with the id of a search to open
   * @param onCompare called with the id of a search to show beside the open one
   */
  constructor(onOpen, onCompare) {
    Object.assign(this, { onOpen, onCompare });
    this.rows = new Map();
    this.list = h("ul");
    this.element = h("nav.history", { "aria-label": "Searches" }, h("h2", {}, "Searches"), this.list);
  }

  /** Show these searches and mark the open ones. Rows are reused: a person may be clicking one. */
  show(searches, openIds) {
    this.element.hidden = searches.length === 0;
    const oldRows = this.rows;
    this.rows = new Map(searches.map((search) => [search.id, oldRows.get(search.id) ?? this.#row(search)]));
    for (const { id, status } of searches) updateRow(this.rows.get(id), status, openIds.includes(id));
    const rows = [...this.rows.values()];
    const { children } = this.list;
    const unchanged = rows.length === children.length && rows.every((row, index) => row === children[index]);
    if (!unchanged) replaceContents(this.list, rows);
  }

  #row(search) {
    const started = new Date(search.created * 1000);
    const open = h("button.plain", { type: "button", onclick: () => this.onOpen(search.id) },
      h("span.badge"),
      h("span.strategy-name", {}, displayName(search.strategy)),
      h("time.muted", {}, started.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })),
      h("span.muted.question-preview", {}, truncate(questionText(search.question).replace(/\s+/g, " "), 60)));
    const compare = h("button.small", {
      type: "button", title: "Compare with the open search",
      "aria-label": `Compare with ${displayName(search.strategy)}`, onclick: () => this.onCompare(search.id),
    }, "Compare");
    return h("li", {}, open, compare);
  }
}

/** Show in a row the status of its search, and whether it is open. */
function updateRow(row, status, isOpen) {
  const [openButton, compareButton] = row.children;
  const badge = openButton.firstChild;
  badge.className = `badge ${status}`;
  badge.textContent = badge.title = status;
  isOpen ? openButton.setAttribute("aria-current", "true") : openButton.removeAttribute("aria-current");
  compareButton.disabled = isOpen;
}

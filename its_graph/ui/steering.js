/** What a person can say to a search that waits: approve, prune, boost, edit, give a hint, stop. */

import { h, refill } from "./dom.js";
import { Draft } from "./draft.js";
import { scoreText, shorten } from "./wording.js";

/** The panel of one search that asks; it keeps its draft until an answer is taken. */
export class SteeringPanel {
  /**
   * @param onSelect called with the id of a step that a person wants to look at
   * @param onReply called with a reply; resolves when it was taken and throws what the server says against it
   */
  constructor({ onSelect, onReply }) {
    Object.assign(this, { onSelect, onReply, ask: null, last: null, draft: null, drawn: 0 });
    this.element = h("section.steering", { "aria-label": "The search asks", hidden: true });
  }

  /** Show this question (null: there is none). One that is asked again, or comes back to sight, keeps its draft. */
  show(ask, tree) {
    this.tree = tree;
    if (ask === this.ask) return;
    this.ask = ask;
    if (ask !== null && ask !== this.last) {
      if (ask.problem === null || !this.draft) this.draft = new Draft();
      Object.assign(this, { last: ask, problem: ask.problem, editing: null });
    }
    this.draw();
  }

  /** Whether a person may say something about this step now. */
  offers(id) {
    return this.ask !== null && this.tree.open(id);
  }

  /** What is wished for a step, as plain data. */
  wishes(id) {
    return [this.draft.prune.has(id), this.draft.boost.has(id), this.draft.edits.get(id) ?? null];
  }

  draw() {
    this.element.hidden = this.ask === null;
    this.drawn += 1;
    refill(this.element, this.drawn, () => (this.ask === null ? [] : this.#parts()));
  }

  #parts() {
    return [
      h("h2", {}, "The search asks", h("span.soft", {}, ` round ${this.ask.round}`)),
      h("p.soft", {}, "These paths go on. Approve them, or change the search before its next round."),
      h("ul.frontier", {}, this.ask.frontier.map((path) => this.#row(path.id, path.score, path.step))),
      this.#others(),
      h("label", { for: "hint-text" }, "Hint for the models"),
      this.#hint(),
      this.problem === null ? null : h("p.problem", { role: "alert" }, this.problem),
      this.#buttons(),
    ];
  }

  #row(id, score, said) {
    const name = `step ${id}`;
    const look = h("button.plain", { type: "button", onclick: () => this.onSelect(id), title: "Show in the tree" },
      h("b", {}, scoreText(score)), " ", shorten(said.trim(), 90));
    return h("li", {}, look, this.actions(id, name), this.editing === id ? this.#editor(id, said) : null);
  }

  /** Prune, boost and edit for one step. */
  actions(id, name) {
    const { draft } = this;
    const toggle = (label, pressed, act) => h("button.small", {
      type: "button", "aria-pressed": String(pressed), "aria-label": `${label} ${name}`, onclick: () => this.#change(act),
    }, label);
    const buttons = [
      toggle("Prune", draft.prune.has(id), () => draft.togglePrune(id)),
      toggle("Boost", draft.boost.has(id), () => draft.toggleBoost(id)),
      toggle("Edit", draft.edits.has(id), () => (this.editing = this.editing === id ? null : id)),
    ];
    return h("span.actions", { role: "group", "aria-label": name }, buttons);
  }

  /** Wishes about steps that are not in the question. */
  #others() {
    const asked = new Set(this.ask.frontier.map((path) => path.id));
    const wished = [...this.draft.prune, ...this.draft.boost, ...this.draft.edits.keys(), this.editing];
    const ids = [...new Set(wished)].filter((id) => id !== null && !asked.has(id));
    if (!ids.length) return null;
    const rows = ids.map((id) => this.#row(id, this.tree.score(id), this.tree.steps[id].text));
    return [h("h3", {}, "Other steps"), h("ul.frontier", {}, rows)];
  }

  #editor(id, said) {
    const area = h("textarea", { rows: 3, "aria-label": `New text of step ${id}` });
    area.value = this.draft.edits.get(id) ?? said;
    const keep = () => this.#change(() => {
      this.draft.edit(id, area.value === said ? null : area.value);
      this.editing = null;
    });
    return h("div.editor", {}, area, h("button.small", { type: "button", onclick: keep }, "Keep this text"));
  }

  #hint() {
    const area = h("textarea", { id: "hint-text", rows: 2, placeholder: "For example: work from left to right." });
    area.value = this.draft.hint;
    area.addEventListener("input", () => {
      this.draft.hint = area.value;
      this.#relabel();
    });
    return area;
  }

  #buttons() {
    this.send = h("button.primary", { type: "button", onclick: () => this.#reply(false) });
    this.#relabel();
    const stop = h("button", { type: "button", onclick: () => this.#reply(true) }, "Stop and answer");
    return h("div.buttons", {}, this.send, stop);
  }

  #relabel() {
    const { size } = this.draft;
    this.send.textContent = size ? `Send ${size} ${size === 1 ? "change" : "changes"}` : "Approve";
  }

  #change(act) {
    act();
    this.problem = null;
    this.draw();
    this.onChange?.();
  }

  async #reply(stop) {
    try {
      await this.onReply(this.draft.reply(stop));
    } catch (error) {
      this.problem = error.message;
      this.draw();
    }
  }
}

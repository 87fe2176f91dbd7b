/** The panel of a search that waits for a person: approve, prune, boost, edit, give a hint, stop. */

import { h, updateContents } from "./dom.js";
import { formatScore, truncate } from "./format.js";
import { ReplyDraft } from "./reply-draft.js";

/** The panel of one search; it keeps its draft until a reply is accepted. */
export class SteeringPanel {
  /**
   * @param onSelect called with the id of a step to select in the tree
   * @param onReply called with a reply; resolves when the server accepts it, rejects with the server's error
   * @param onChange called when the draft changes
   */
  constructor({ onSelect, onReply, onChange }) {
    Object.assign(this, { onSelect, onReply, onChange, request: null, lastRequest: null, draft: null, version: 0 });
    this.element = h("section.steering", { "aria-label": "Your review", hidden: true });
  }

  /** Show a request (null: none). One that the server repeats, or that is shown again, keeps its draft. */
  show(request, tree) {
    this.tree = tree;
    if (request === this.request) return;
    this.request = request;
    if (request !== null && request !== this.lastRequest) {
      if (request.error === null || !this.draft) this.draft = new ReplyDraft();
      Object.assign(this, { lastRequest: request, error: request.error, editing: null });
    }
    this.#render();
  }

  /** Whether a person may change this step now. */
  canSteer(id) {
    return this.request !== null && this.tree.open(id);
  }

  /** The draft's changes to a step, as plain data. */
  changesTo(id) {
    return [this.draft.prune.has(id), this.draft.boost.has(id), this.draft.edits.get(id) ?? null];
  }

  #render() {
    this.element.hidden = this.request === null;
    this.version += 1;
    updateContents(this.element, this.version, () => (this.request === null ? [] : this.#contents()));
  }

  #contents() {
    return [
      h("h2", {}, "Your review", h("span.muted", {}, ` after round ${this.request.round}`)),
      h("p.muted", {}, "The search expands these paths next. Approve them, or make changes first."),
      h("ul.frontier", {}, this.request.frontier.map((path) => this.#row(path.id, path.score, path.step))),
      this.#otherSteps(),
      h("label", { for: "hint-text" }, "Hint for the models"),
      this.#hint(),
      this.error === null ? null : h("p.error", { role: "alert" }, this.error),
      this.#replyButtons(),
    ];
  }

  #row(id, score, text) {
    const name = `step ${id}`;
    const select = h("button.plain", { type: "button", onclick: () => this.onSelect(id), title: "Show in the tree" },
      h("b", {}, formatScore(score)), " ", truncate(text.trim(), 90));
    return h("li", {}, select, this.stepButtons(id, name), this.editing === id ? this.#editor(id, text) : null);
  }

  /** Buttons to prune, boost and edit a step. */
  stepButtons(id, name) {
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

  /** Changed steps that are not in the request. */
  #otherSteps() {
    const requested = new Set(this.request.frontier.map((path) => path.id));
    const changed = [...this.draft.prune, ...this.draft.boost, ...this.draft.edits.keys(), this.editing];
    const ids = [...new Set(changed)].filter((id) => id !== null && !requested.has(id));
    if (!ids.length) return null;
    const rows = ids.map((id) => this.#row(id, this.tree.score(id), this.tree.steps[id].text));
    return [h("h3", {}, "Other steps"), h("ul.frontier", {}, rows)];
  }

  #editor(id, text) {
    const area = h("textarea", { rows: 3, "aria-label": `New text of step ${id}` });
    area.value = this.draft.edits.get(id) ?? text;
    const save = () => this.#change(() => {
      this.draft.edit(id, area.value === text ? null : area.value);
      this.editing = null;
    });
    return h("div.editor", {}, area, h("button.small", { type: "button", onclick: save }, "Save text"));
  }

  #hint() {
    const area = h("textarea", { id: "hint-text", rows: 2, placeholder: "For example: work from left to right." });
    area.value = this.draft.hint;
    area.addEventListener("input", () => {
      this.draft.hint = area.value;
      this.#updateSendLabel();
    });
    return area;
  }

  #replyButtons() {
    this.send = h("button.primary", { type: "button", onclick: () => this.#reply(false) });
    this.#updateSendLabel();
    const stop = h("button", { type: "button", onclick: () => this.#reply(true) }, "Stop and answer");
    return h("div.buttons", {}, this.send, stop);
  }

  #updateSendLabel() {
    const { size } = this.draft;
    this.send.textContent = size ? `Send ${size} ${size === 1 ? "change" : "changes"}` : "Approve";
  }

  #change(act) {
    act();
    this.error = null;
    this.#render();
    this.onChange();
  }

  async #reply(stop) {
    try {
      await this.onReply(this.draft.reply(stop));
    } catch (error) {
      this.error = error.message;
      this.#render();
    }
  }
}

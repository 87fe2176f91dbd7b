/** A person's reply to a search that waits, while it is being edited. */

export class ReplyDraft {
  constructor() {
    this.prune = new Set();
    this.boost = new Set();
    this.edits = new Map();
    this.hint = "";
  }

  /** Prune a path, or undo that; a pruned path can be neither boosted nor edited. */
  togglePrune(id) {
    if (this.prune.delete(id)) return;
    this.prune.add(id);
    this.boost.delete(id);
    this.edits.delete(id);
  }

  /** Boost a path, or undo that. */
  toggleBoost(id) {
    if (this.boost.delete(id)) return;
    this.boost.add(id);
    this.prune.delete(id);
  }

  /** Replace the text of a step; `null` undoes that. */
  edit(id, text) {
    this.edits.delete(id);
    if (text === null) return;
    this.edits.set(id, text);
    this.prune.delete(id);
  }

  /** The number of changes. */
  get size() {
    return this.prune.size + this.boost.size + this.edits.size + (this.hint.trim() ? 1 : 0);
  }

  /** Return the reply in the server's format; an empty one approves. */
  reply(stop = false) {
    const hint = this.hint.trim() || null;
    if (!this.size && !stop) return {};
    return { prune: [...this.prune], boost: [...this.boost], edits: Object.fromEntries(this.edits), hint, stop };
  }
}

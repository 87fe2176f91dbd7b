/** A reply to a search that asks, while it is being written. */

export class Draft {
  constructor() {
    this.prune = new Set();
    this.boost = new Set();
    this.edits = new Map();
    this.hint = "";
  }

  /** Prune a path, or take that back; what is pruned can be neither boosted nor edited. */
  togglePrune(id) {
    if (this.prune.delete(id)) return;
    this.prune.add(id);
    this.boost.delete(id);
    this.edits.delete(id);
  }

  /** Boost a path, or take that back. */
  toggleBoost(id) {
    if (this.boost.delete(id)) return;
    this.boost.add(id);
    this.prune.delete(id);
  }

  /** Give a step another text; `null` takes that back. */
  edit(id, text) {
    this.edits.delete(id);
    if (text === null) return;
    this.edits.set(id, text);
    this.prune.delete(id);
  }

  /** How many wishes it holds. */
  get size() {
    return this.prune.size + this.boost.size + this.edits.size + (this.hint.trim() ? 1 : 0);
  }

  /** Return the reply as the server reads it; nothing in it approves. */
  reply(stop = false) {
    const hint = this.hint.trim() || null;
    if (!this.size && !stop) return {};
    return { prune: [...this.prune], boost: [...this.boost], edits: Object.fromEntries(this.edits), hint, stop };
  }
}

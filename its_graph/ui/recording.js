/** The events of one search and a place among them: the newest one while it runs, any while it is replayed. */

import { apply, emptyState, rebuild } from "./state.js";

export class Recording {
  constructor(events = []) {
    this.events = [];
    this.cursor = 0;
    this.state = emptyState();
    for (const event of events) this.push(event);
  }

  /** Take in a new event; a reader who is at the end stays there. */
  push(event) {
    const following = this.atEnd;
    this.events.push(event);
    if (following) {
      this.cursor += 1;
      this.state = apply(this.state, event);
    }
  }

  get atEnd() {
    return this.cursor === this.events.length;
  }

  /** Go to the moment after the first `count` events. */
  seek(count) {
    this.cursor = Math.max(0, Math.min(count, this.events.length));
    this.state = rebuild(this.events.slice(0, this.cursor));
  }

  /** What the search asks a person and has no answer to yet; else null. */
  get ask() {
    const last = this.events.at(-1);
    return last?.type === "its.human_requested" ? last.request : null;
  }

  /** How the search ended ({status, error}), or null while it goes on. */
  get ended() {
    const last = this.events.at(-1);
    return last?.type === "its.ended" ? last : null;
  }
}

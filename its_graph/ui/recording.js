/** The events of one search and a cursor: at the newest event while it runs, anywhere during replay. */

import { applyEvent, emptyState, rebuild } from "./state.js";

export class Recording {
  constructor(events = []) {
    this.events = [];
    this.cursor = 0;
    this.state = emptyState();
    for (const event of events) this.push(event);
  }

  /** Add an event; a cursor at the end stays at the end. */
  push(event) {
    const following = this.atEnd;
    this.events.push(event);
    if (following) {
      this.cursor += 1;
      this.state = applyEvent(this.state, event);
    }
  }

  get atEnd() {
    return this.cursor === this.events.length;
  }

  /** Move the cursor after the first `count` events. */
  seek(count) {
    this.cursor = Math.max(0, Math.min(count, this.events.length));
    this.state = rebuild(this.events.slice(0, this.cursor));
  }

  /** The request to a person that has no reply yet; else null. */
  get humanRequest() {
    const last = this.events.at(-1);
    return last?.type === "its.human_requested" ? last.request : null;
  }

  /** How the search ended ({status, error}); null while it runs. */
  get ended() {
    const last = this.events.at(-1);
    return last?.type === "its.ended" ? last : null;
  }
}

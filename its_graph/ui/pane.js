/** One search on the page: its name and state, answer, tree, costs and replay. */

import { h, refill } from "./dom.js";
import { Gauges } from "./gauges.js";
import { Hint } from "./hint.js";
import { Inspector } from "./inspector.js";
import { Legend } from "./legend.js";
import { palette, scaleOf } from "./palette.js";
import { Recording } from "./recording.js";
import { Replay } from "./replay.js";
import { ROOT, Tree } from "./tree.js";
import { TreeView } from "./treeview.js";
import { Verdict } from "./verdict.js";
import { questionText, words } from "./wording.js";

const UNANSWERED = {
  running: "searching",
  waiting: "waits for your reply",
  done: "ended without an answer",
  failed: "failed",
  cancelled: "cancelled before it had an answer",
};

export class Pane {
  /**
   * @param title what it is called until its first event
   * @param onSelect called with this pane when another node or moment is to be read
   * @param actions returns the buttons of this pane that fit its status
   */
  constructor({ title, events = [], onSelect, actions = () => [] }) {
    Object.assign(this, { title, onSelect, actions, error: null, live: false });
    this.recording = new Recording(events);
    this.verdict = new Verdict();
    this.legend = new Legend();
    this.gauges = new Gauges();
    this.hint = new Hint();
    this.inspector = new Inspector();
    this.heading = h("header.heading");
    this.question = h("p.question");
    this.problem = h("p.problem", { role: "alert", hidden: true });
    this.replay = new Replay(this.recording, () => this.#read());
    this.view = new TreeView({ onSelect: () => this.onSelect(this), hint: this.hint });
    this.fit = h("button.small", { type: "button", title: "See all of the tree (F)", onclick: () => this.view.fit() }, "Fit");
    const box = h("div.canvas", {}, this.view.element, this.hint.element);
    const foot = h("footer.foot", {}, this.gauges.element, this.replay.element);
    const parts = [this.heading, this.question, this.verdict.element, this.problem, box, this.legend.element, foot];
    this.element = h("section.pane", { "aria-label": `Search by ${words(title)}` }, parts);
    this.#read();
  }

  /** Take in an event; what is drawn follows with the next frame, many events at once if they come fast. */
  push(event) {
    this.recording.push(event);
    this.pending ??= requestAnimationFrame(() => {
      this.pending = null;
      if (this.recording.atEnd) this.#read();
      else this.replay.show();
    });
  }

  /** How the search stands, as far as its events tell. */
  get status() {
    const { ended, ask, state } = this.recording;
    if (ended && Object.hasOwn(UNANSWERED, ended.status)) return ended.status;
    if (this.live) return ask ? "waiting" : "running";
    return state.result ? "done" : "cancelled";
  }

  /** The question that waits for a person: only at the newest event of a search that runs. */
  get ask() {
    return this.live && this.recording.atEnd ? this.recording.ask : null;
  }

  get selected() {
    return this.view.selected;
  }

  /** Say what went wrong, or that nothing does (null). */
  fail(message) {
    this.error = message;
    this.#describe();
  }

  #read() {
    const fresh = this.tree?.result == null;
    this.tree = new Tree(this.recording.state);
    this.view.show(this.tree);
    if (fresh && this.tree.winner !== null && this.selected === ROOT) this.view.select(this.tree.winner);
    this.#describe();
    this.onSelect(this);
  }

  /** What the drawing looks like now, for the parts that speak of it. */
  get look() {
    const { tree, selected } = this;
    return { tree, selected, scale: scaleOf(tree.state), colours: palette() };
  }

  #describe() {
    const { state } = this.recording;
    const seed = state.settings?.seed;
    const facts = [this.model, seed == null ? null : `seed ${seed}`].filter(Boolean).join(" · ");
    const badge = h(`span.badge.${this.status}`, {}, this.status);
    const name = h("h2", {}, words(state.strategy ?? this.title));
    const buttons = () => h("span.actions", {}, this.fit, this.actions(this, this.status));
    refill(this.heading, [state.strategy, facts, this.status], () => [name, h("span.soft", {}, facts), badge, buttons()]);
    this.question.textContent = questionText(state.question);
    const message = this.error ?? this.recording.ended?.error ?? null;
    this.problem.hidden = message === null;
    this.problem.textContent = message ?? "";
    this.verdict.show(this.tree, UNANSWERED[this.status]);
    this.gauges.show(state);
    this.replay.show();
    this.legend.show(this.look);
  }

  /** The style changed. */
  recolour() {
    this.view.recolour();
    this.#describe();
  }
}

/** One search on the page: heading, question, answer, tree, legend, spend and replay. */

import { BudgetBars } from "./budget-bars.js";
import { h, updateContents } from "./dom.js";
import { displayName, questionText } from "./format.js";
import { Inspector } from "./inspector.js";
import { Legend } from "./legend.js";
import { palette, scoreScale } from "./palette.js";
import { Recording } from "./recording.js";
import { Replay } from "./replay.js";
import { ResultSummary } from "./result-summary.js";
import { Tooltip } from "./tooltip.js";
import { ROOT, Tree } from "./tree.js";
import { TreeView } from "./tree-view.js";

const NO_ANSWER = {
  running: "searching",
  waiting: "waiting for your reply",
  done: "ended without an answer",
  failed: "failed",
  cancelled: "cancelled before it had an answer",
};

export class SearchPane {
  /**
   * @param title name to show until the first event
   * @param onSelect called with this pane when the selected node or the shown moment changes
   * @param buttonsFor returns the buttons for this pane and its status
   */
  constructor({ title, events = [], onSelect, buttonsFor = () => [] }) {
    Object.assign(this, { title, onSelect, buttonsFor, error: null, live: false });
    this.recording = new Recording(events);
    this.summary = new ResultSummary();
    this.legend = new Legend();
    this.budgetBars = new BudgetBars();
    this.tooltip = new Tooltip();
    this.inspector = new Inspector();
    this.heading = h("header.heading");
    this.question = h("p.question");
    this.errorText = h("p.error", { role: "alert", hidden: true });
    this.replay = new Replay(this.recording, () => this.#update());
    this.treeView = new TreeView({ onSelect: () => this.onSelect(this), tooltip: this.tooltip });
    const onclick = () => this.treeView.fit();
    this.fitButton = h("button.small", { type: "button", title: "Fit the whole tree (F)", onclick }, "Fit");
    const canvas = h("div.canvas", {}, this.treeView.element, this.tooltip.element);
    const footer = h("footer.pane-footer", {}, this.budgetBars.element, this.replay.element);
    const parts = [this.heading, this.question, this.summary.element, this.errorText, canvas, this.legend.element, footer];
    this.element = h("section.pane", { "aria-label": `Search by ${displayName(title)}` }, parts);
    this.#update();
  }

  /** Add an event; drawing waits for the next frame, so events that arrive fast are drawn together. */
  push(event) {
    this.recording.push(event);
    this.pendingFrame ??= requestAnimationFrame(() => {
      this.pendingFrame = null;
      if (this.recording.atEnd) this.#update();
      else this.replay.show();
    });
  }

  /** The status of the search, derived from its events. */
  get status() {
    const { ended, humanRequest, state } = this.recording;
    if (ended && Object.hasOwn(NO_ANSWER, ended.status)) return ended.status;
    if (this.live) return humanRequest ? "waiting" : "running";
    return state.result ? "done" : "cancelled";
  }

  /** The open request to a person: only for a live search at its newest event. */
  get humanRequest() {
    return this.live && this.recording.atEnd ? this.recording.humanRequest : null;
  }

  get selected() {
    return this.treeView.selected;
  }

  /** Show an error; null clears it. */
  showError(message) {
    this.error = message;
    this.#updateText();
  }

  #update() {
    const hadNoResult = this.tree?.result == null;
    this.tree = new Tree(this.recording.state);
    this.treeView.show(this.tree);
    if (hadNoResult && this.tree.winner !== null && this.selected === ROOT) this.treeView.select(this.tree.winner);
    this.#updateText();
    this.onSelect(this);
  }

  /** What the drawing shows now, for the legend and the inspector. */
  get view() {
    const { tree, selected } = this;
    return { tree, selected, scale: scoreScale(tree.state), colors: palette() };
  }

  #updateText() {
    const { state } = this.recording;
    const seed = state.settings?.seed;
    const facts = [this.model, seed == null ? null : `seed ${seed}`].filter(Boolean).join(" · ");
    const badge = h(`span.badge.${this.status}`, {}, this.status);
    const name = h("h2", {}, displayName(state.strategy ?? this.title));
    const buttons = () => h("span.actions", {}, this.fitButton, this.buttonsFor(this, this.status));
    const contents = () => [name, h("span.muted", {}, facts), badge, buttons()];
    updateContents(this.heading, [state.strategy, facts, this.status], contents);
    this.question.textContent = questionText(state.question);
    const message = this.error ?? this.recording.ended?.error ?? null;
    this.errorText.hidden = message === null;
    this.errorText.textContent = message ?? "";
    this.summary.show(this.tree, NO_ANSWER[this.status]);
    this.budgetBars.show(state);
    this.replay.show();
    this.legend.show(this.view);
  }

  /** Read the colors again after a change of theme. */
  refreshColors() {
    this.treeView.refreshColors();
    this.#updateText();
  }
}

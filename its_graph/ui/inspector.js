/** Details of the selected node: its path step by step, or the whole search if the question is selected. */

import { h, updateContents } from "./dom.js";
import { displayName, formatScore, stopReasonText, truncate } from "./format.js";
import { nodeIcon } from "./legend.js";
import { ROOT } from "./tree.js";

const MAX_CANDIDATES = 12;

export class Inspector {
  constructor() {
    this.element = h("section.inspector", { "aria-label": "Selected path" });
  }

  /**
   * Show the selected node.
   *
   * @param view {tree, selected, scale, colors}
   * @param steering the search's steering panel, if the page can steer
   */
  show(view, onSelect, steering) {
    const { tree, selected } = view;
    const path = tree.path(selected).map((id) => [id, tree.score(id), tree.statusText(id)]);
    const changes = steering?.canSteer(selected) ? steering.changesTo(selected) : null;
    const size = selected === ROOT ? Object.keys(tree.steps).length : 0;
    const key = [tree.state.question, selected, path, changes, size, tree.result !== null, view.colors];
    updateContents(this.element, key, () => this.#contents(view, onSelect, steering));
  }

  #contents(view, onSelect, steering) {
    const { tree, selected } = view;
    const atRoot = selected === ROOT;
    const depth = atRoot ? "" : ` depth ${tree.depth(selected)}`;
    const title = h("h2", {}, atRoot ? "Search" : `Path to step ${selected}`, h("span.muted", {}, depth));
    return [title, atRoot ? searchDetails(view, onSelect) : pathDetails(view, onSelect, steering)];
  }
}

function pathDetails(view, onSelect, steering) {
  const { tree, selected } = view;
  return [
    steering?.canSteer(selected) ? steering.stepButtons(selected, `step ${selected}`) : null,
    h("ol.path", {}, tree.path(selected).map((id) => stepItem(view, id, onSelect))),
  ];
}

function searchDetails(view, onSelect) {
  const { tree } = view;
  const { result } = tree;
  const candidates = (result?.candidates ?? []).slice(0, MAX_CANDIDATES);
  const items = candidates.map((candidate) => candidateItem(view, candidate, onSelect));
  const help = "Click a node, or focus the tree and use the arrow keys. + and − zoom; F fits the whole tree.";
  return [
    factList(tree),
    (result?.notes ?? []).map((note) => h("p.muted", {}, note)),
    items.length ? h("h3", {}, "Candidates, best first") : null,
    items.length ? h("ol.candidates", {}, items) : null,
    h("p.muted.help", {}, help),
  ];
}

function factList(tree) {
  const { strategy, settings, route } = tree.state;
  const facts = [
    ["strategy", strategy && displayName(strategy)],
    ["route", route && `${route.config}: ${route.reason}`],
    ["seed", settings?.seed],
    ["steps", Object.keys(tree.steps).length],
    ["failed", Object.keys(tree.failures).length || null],
    ["status", tree.result && stopReasonText(tree.result.stop_reason)],
  ];
  const present = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl.facts", {}, present.map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]));
}

function candidateItem(view, candidate, onSelect) {
  const text = h("span.step-text", {}, truncate(candidate.answer ?? candidate.text.trim(), 80));
  return h("li", {}, h("button.plain", { type: "button", onclick: () => onSelect(candidate.id) },
    nodeIcon(view, candidate.id), h("b", {}, formatScore(candidate.score)), text));
}

function stepItem(view, id, onSelect) {
  const { tree } = view;
  const record = tree.steps[id] ?? { text: tree.failures[id].reason };
  const current = id === view.selected ? "step" : null;
  const head = h("button.plain", { type: "button", onclick: () => onSelect(id), "aria-current": current },
    nodeIcon(view, id),
    h("b", {}, formatScore(tree.score(id))),
    h("span.role", {}, tree.statusText(id)),
    h("span.muted.number", {}, `step ${id}`));
  const sourceNames = record.sources?.map((source) => `step ${source}`).join(", ");
  const sources = sourceNames ? h("p.muted.sources", {}, `generated from ${sourceNames}`) : null;
  return h("li", {}, head, sources, scoredText(record.text, tree.state.scores[id]?.steps ?? []));
}

/** The text of a record; if the verifier scored several steps in it, each beside its score. */
function scoredText(text, scores) {
  const parts = text.split(/(?<=\n\s*\n)/).filter((part) => part.trim());
  if (scores.length < 2 || parts.length !== scores.length) return h("div.step-text", {}, text.trim());
  return h("div.scored-parts", {}, parts.map((part, index) => [
    h("span.part-score", {}, formatScore(scores[index])),
    h("span.step-text", {}, part.trim()),
  ]));
}

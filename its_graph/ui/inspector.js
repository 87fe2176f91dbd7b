/** What there is to read about the selected node: the way to it step by step, or the whole search at the question. */

import { h, refill } from "./dom.js";
import { ROOT } from "./tree.js";
import { icon } from "./legend.js";
import { scoreText, shorten, stopText, words } from "./wording.js";

const MOST_CANDIDATES = 12;

export class Inspector {
  constructor() {
    this.element = h("section.inspector", { "aria-label": "Selected path" });
  }

  /**
   * Show a node.
   *
   * @param look {tree, selected, scale, colours}
   * @param steering the panel of the search if it waits for a person
   */
  show(look, onSelect, steering) {
    const { tree, selected } = look;
    const path = tree.path(selected).map((id) => [id, tree.score(id), tree.fate(id)]);
    const wishes = steering?.offers(selected) ? steering.wishes(selected) : null;
    const size = selected === ROOT ? Object.keys(tree.steps).length : 0;
    const key = [tree.state.question, selected, path, wishes, size, tree.result !== null, look.colours];
    refill(this.element, key, () => this.#parts(look, onSelect, steering));
  }

  #parts(look, onSelect, steering) {
    const { tree, selected } = look;
    const atRoot = selected === ROOT;
    const depth = atRoot ? "" : ` ${tree.depth(selected)} deep`;
    const title = h("h2", {}, atRoot ? "Search" : `Path to step ${selected}`, h("span.soft", {}, depth));
    return [title, atRoot ? this.#search(look, onSelect) : this.#path(look, onSelect, steering)];
  }

  #path(look, onSelect, steering) {
    const { tree, selected } = look;
    const offers = steering?.offers(selected);
    return [
      offers ? steering.actions(selected, `step ${selected}`) : null,
      h("ol.path", {}, tree.path(selected).map((id) => step(look, id, onSelect))),
    ];
  }

  #search(look, onSelect) {
    const { tree } = look;
    const { result } = tree;
    const best = (result?.candidates ?? []).slice(0, MOST_CANDIDATES);
    return [
      facts(tree),
      (result?.notes ?? []).map((note) => h("p.soft", {}, note)),
      best.length ? h("h3", {}, "Candidates, best first") : null,
      best.length ? h("ol.candidates", {}, best.map((one) => candidate(look, one, onSelect))) : null,
      h("p.soft.keys", {}, "Click a mark, or focus the tree and walk it with the arrow keys. + and − zoom, F fits all of it."),
    ];
  }
}

function facts(tree) {
  const { strategy, settings, route } = tree.state;
  const rows = [
    ["strategy", strategy && words(strategy)],
    ["chosen", route && `${route.config}: ${route.reason}`],
    ["seed", settings?.seed],
    ["steps", Object.keys(tree.steps).length],
    ["failed", Object.keys(tree.failures).length || null],
    ["end", tree.result && stopText(tree.result.stop_reason)],
  ];
  const known = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl.facts", {}, known.map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]));
}

function candidate(look, one, onSelect) {
  const text = h("span.said", {}, shorten(one.answer ?? one.text.trim(), 80));
  return h("li", {}, h("button.plain", { type: "button", onclick: () => onSelect(one.id) },
    icon(look, one.id), h("b", {}, scoreText(one.score)), text));
}

function step(look, id, onSelect) {
  const { tree } = look;
  const record = tree.steps[id] ?? { text: tree.failures[id].reason };
  const current = id === look.selected ? "step" : null;
  const head = h("button.plain", { type: "button", onclick: () => onSelect(id), "aria-current": current },
    icon(look, id),
    h("b", {}, scoreText(tree.score(id))),
    h("span.role", {}, tree.fate(id)),
    h("span.soft.number", {}, `step ${id}`));
  const sources = record.sources?.map((one) => `step ${one}`).join(", ");
  const from = sources ? h("p.soft.from", {}, `written from ${sources}`) : null;
  return h("li", {}, head, from, parts(record.text, tree.state.scores[id]?.steps ?? []));
}

/** The text of a record; where the verifier scored several steps inside it, each beside its score. */
function parts(text, scores) {
  const pieces = text.split(/(?<=\n\s*\n)/).filter((piece) => piece.trim());
  if (scores.length < 2 || pieces.length !== scores.length) return h("div.said", {}, text.trim());
  return h("div.parts", {}, pieces.map((piece, index) => [
    h("span.part-score", {}, scoreText(scores[index])),
    h("span.said", {}, piece.trim()),
  ]));
}

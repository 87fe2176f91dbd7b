/** The drawn tree as a screen reader hears it: the selected node, the way to it, its siblings and what hangs below it. */

import { fill, h } from "./dom.js";
import { ROOT } from "./tree.js";
import { scoreText, shorten } from "./wording.js";

const MOST_SIBLINGS = 60;
let trees = 0;

export class Outline {
  constructor() {
    this.name = `tree-${(trees += 1)}`;
    this.element = h("div.unseen", { role: "presentation" });
  }

  /** The id of the element that stands for a node. */
  idOf(id) {
    return `${this.name}-${id}`;
  }

  show(tree, selected) {
    const siblings = selected === ROOT ? [] : tree.children.get(tree.parents.get(selected));
    const at = siblings.indexOf(selected);
    const near = siblings.slice(Math.max(0, at - MOST_SIBLINGS / 2), at + MOST_SIBLINGS / 2);
    const below = tree.children.get(selected).slice(0, MOST_SIBLINGS);
    const ids = [...new Set([ROOT, ...tree.path(selected), ...near, ...below])];
    fill(this.element, ids.map((id) => this.#item(tree, id, id === selected)));
  }

  #item(tree, id, selected) {
    const siblings = id === ROOT ? [ROOT] : tree.children.get(tree.parents.get(id));
    const below = tree.children.get(id).length;
    const place = {
      "aria-level": tree.depth(id) + 1,
      "aria-setsize": siblings.length,
      "aria-posinset": siblings.indexOf(id) + 1,
      "aria-selected": String(selected),
      "aria-expanded": below ? "true" : null,
    };
    return h("div", { role: "treeitem", id: this.idOf(id), ...place }, spoken(tree, id, below));
  }
}

function spoken(tree, id, below) {
  const steps = below === 1 ? "1 step below" : `${below} steps below`;
  if (id === ROOT) return `Question, ${steps}`;
  const score = tree.score(id) === null ? "no score" : `score ${scoreText(tree.score(id))}`;
  return [shorten(tree.label(id), 160), score, tree.fate(id), below ? steps : "end of a path"].join(", ");
}

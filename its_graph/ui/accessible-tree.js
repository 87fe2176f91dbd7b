/** The tree for screen readers: the selected node, its ancestors, its siblings and its children, as tree items. */

import { h, replaceContents } from "./dom.js";
import { formatScore, truncate } from "./format.js";
import { ROOT } from "./tree.js";

const MAX_SIBLINGS = 60;
let instances = 0;

export class AccessibleTree {
  constructor() {
    this.idPrefix = `tree-${(instances += 1)}`;
    this.element = h("div.visually-hidden", { role: "presentation" });
  }

  /** Return the element id of a node's item. */
  elementId(id) {
    return `${this.idPrefix}-${id}`;
  }

  show(tree, selected) {
    const siblings = siblingsOf(tree, selected);
    const at = siblings.indexOf(selected);
    const nearby = siblings.slice(Math.max(0, at - MAX_SIBLINGS / 2), at + MAX_SIBLINGS / 2);
    const children = tree.children.get(selected).slice(0, MAX_SIBLINGS);
    const ids = [...new Set([ROOT, ...tree.path(selected), ...nearby, ...children])];
    replaceContents(this.element, ids.map((id) => this.#item(tree, id, id === selected)));
  }

  #item(tree, id, selected) {
    const siblings = siblingsOf(tree, id);
    const childCount = tree.children.get(id).length;
    const attributes = {
      "aria-level": tree.depth(id) + 1,
      "aria-setsize": siblings.length,
      "aria-posinset": siblings.indexOf(id) + 1,
      "aria-selected": String(selected),
      "aria-expanded": childCount ? "true" : null,
    };
    return h("div", { role: "treeitem", id: this.elementId(id), ...attributes }, description(tree, id, childCount));
  }
}

function siblingsOf(tree, id) {
  return id === ROOT ? [ROOT] : tree.children.get(tree.parents.get(id));
}

function description(tree, id, childCount) {
  const children = childCount === 1 ? "1 child" : `${childCount} children`;
  if (id === ROOT) return `Question, ${children}`;
  const score = tree.score(id) === null ? "no score" : `score ${formatScore(tree.score(id))}`;
  return [truncate(tree.label(id), 160), score, tree.statusText(id), childCount ? children : "leaf"].join(", ");
}

/** The legend: the roles of nodes that occur in the tree, and the color scale of scores. */

import { h, replaceContents } from "./dom.js";
import { formatScore } from "./format.js";
import { scoreColor } from "./palette.js";
import { drawNode } from "./shapes.js";
import { ROLES } from "./tree.js";

const ICON_SIZE = 16;
const SCALE_CELLS = 11;

/** Return a small canvas with the shape and color of a node. */
export function nodeIcon({ tree, colors, scale }, id) {
  return roleIcon(tree.role(id), scoreColor(colors, tree.score(id), scale), colors);
}

function roleIcon(role, fill, colors) {
  const ratio = globalThis.devicePixelRatio || 1;
  const canvas = h("canvas.icon", { width: ICON_SIZE * ratio, height: ICON_SIZE * ratio, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  drawNode(context, role, ICON_SIZE / 2, ICON_SIZE / 2, 4.4, fill, colors);
  return canvas;
}

export class Legend {
  constructor() {
    this.element = h("div.legend", { "aria-label": "Legend" });
  }

  show({ tree, colors, scale }) {
    const roles = new Set([...Object.keys(tree.steps), ...Object.keys(tree.failures)].map((id) => tree.role(id)));
    const present = Object.keys(ROLES).filter((role) => roles.has(role));
    const key = JSON.stringify([present, colors, scale, tree.scored]);
    if (key === this.key) return;
    this.key = key;
    const items = present.map((role) => h("span.item", {}, roleIcon(role, colors.muted, colors), ROLES[role]));
    replaceContents(this.element, items, tree.scored ? colorScale(colors, scale) : null);
  }
}

function colorScale(colors, [low, high]) {
  const cells = Array.from({ length: SCALE_CELLS }, (_, index) => {
    const cell = h("i");
    cell.style.background = scoreColor(colors, low + ((high - low) * index) / (SCALE_CELLS - 1), [low, high]);
    return cell;
  });
  const strip = h("span.cells", {}, cells);
  return h("span.item.color-scale", { title: "Color: verifier score" }, formatScore(low), strip, formatScore(high));
}

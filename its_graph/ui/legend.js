/** What the marks mean: those that are in the tree, and the colours of the scores. */

import { fill, h } from "./dom.js";
import { scoreColour } from "./palette.js";
import { mark } from "./shapes.js";
import { ROLES } from "./tree.js";
import { scoreText } from "./wording.js";

const SIZE = 16;
const RAMP = 11;

/** Return a small canvas with the mark of a step. */
export function icon({ tree, colours, scale }, id) {
  return drawn(tree.role(id), scoreColour(colours, tree.score(id), scale), colours);
}

function drawn(role, fill, colours) {
  const ratio = globalThis.devicePixelRatio || 1;
  const canvas = h("canvas.icon", { width: SIZE * ratio, height: SIZE * ratio, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  mark(pen, role, SIZE / 2, SIZE / 2, 4.4, fill, colours);
  return canvas;
}

export class Legend {
  constructor() {
    this.element = h("div.legend", { "aria-label": "Legend" });
  }

  show({ tree, colours, scale }) {
    const roles = new Set([...Object.keys(tree.steps), ...Object.keys(tree.failures)].map((id) => tree.role(id)));
    const present = Object.keys(ROLES).filter((role) => roles.has(role));
    const seen = JSON.stringify([present, colours, scale, tree.scored]);
    if (seen === this.seen) return;
    this.seen = seen;
    const items = present.map((role) => h("span.item", {}, drawn(role, colours.muted, colours), ROLES[role]));
    fill(this.element, items, tree.scored ? ramp(colours, scale) : null);
  }
}

function ramp(colours, [low, high]) {
  const cells = Array.from({ length: RAMP }, (_, index) => {
    const cell = h("i");
    cell.style.background = scoreColour(colours, low + ((high - low) * index) / (RAMP - 1), [low, high]);
    return cell;
  });
  const strip = h("span.cells", {}, cells);
  return h("span.item.ramp", { title: "Colour: the verifier's score" }, scoreText(low), strip, scoreText(high));
}

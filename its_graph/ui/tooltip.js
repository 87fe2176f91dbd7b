/** The tooltip beside the pointer: score, status and text of a step. */

import { h, replaceContents } from "./dom.js";
import { formatScore, truncate } from "./format.js";

const MAX_TEXT = 240;

export class Tooltip {
  constructor() {
    this.element = h("div.tooltip", { hidden: true, "aria-hidden": "true" });
  }

  /** Show node `id` of `tree` beside (x, y); null for the tree hides the tooltip. */
  show(tree, id, x, y) {
    this.element.hidden = tree === null;
    if (tree === null) return;
    const text = truncate((tree.steps[id]?.text ?? tree.failures[id].reason).trim(), MAX_TEXT);
    const head = h("div.head", {}, h("b", {}, formatScore(tree.score(id))), ` ${tree.statusText(id)}`);
    replaceContents(this.element, head, h("div.step-text", {}, text));
    const [width, height] = [this.element.parentElement.clientWidth, this.element.parentElement.clientHeight];
    const { offsetWidth, offsetHeight } = this.element;
    this.element.style.left = `${Math.max(4, Math.min(x + 14, width - offsetWidth - 4))}px`;
    this.element.style.top = `${y + 18 + offsetHeight > height ? Math.max(4, y - offsetHeight - 10) : y + 18}px`;
  }
}

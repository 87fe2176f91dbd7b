/** A small note beside the pointer: score, what became of the step, and its text. */

import { fill, h } from "./dom.js";
import { scoreText, shorten } from "./wording.js";

const LONGEST = 240;

export class Hint {
  constructor() {
    this.element = h("div.hint", { hidden: true, "aria-hidden": "true" });
  }

  /** Show what `tree` knows of node `id` beside (x, y); a tree of null hides the note. */
  show(tree, id, x, y) {
    this.element.hidden = tree === null;
    if (tree === null) return;
    const said = shorten((tree.steps[id]?.text ?? tree.failures[id].reason).trim(), LONGEST);
    const head = h("div.head", {}, h("b", {}, scoreText(tree.score(id))), ` ${tree.fate(id)}`);
    fill(this.element, head, h("div.said", {}, said));
    const [width, height] = [this.element.parentElement.clientWidth, this.element.parentElement.clientHeight];
    const { offsetWidth, offsetHeight } = this.element;
    this.element.style.left = `${Math.max(4, Math.min(x + 14, width - offsetWidth - 4))}px`;
    this.element.style.top = `${y + 18 + offsetHeight > height ? Math.max(4, y - offsetHeight - 10) : y + 18}px`;
  }
}

/** The tree on a canvas: it grows smoothly, is panned, zoomed, pointed at and walked by keys. */

import { Camera } from "./camera.js";
import { labelled } from "./crowding.js";
import { layout } from "./layout.js";
import { Outline } from "./outline.js";
import { labelOf } from "./labels.js";
import { HEADER } from "./measures.js";
import { charRatio, paint } from "./paint.js";
import { palette, scaleOf } from "./palette.js";
import { listen } from "./pointer.js";
import { ROOT, Tree } from "./tree.js";
import { h } from "./dom.js";
import { emptyState } from "./state.js";
import { walk } from "./walk.js";

const SETTLE_MS = 260;
const REACH = 12;
const CLOSE = 8;

export class TreeView {
  /** @param onSelect called with the id of the node that was chosen; @param hint an element that shows what is pointed at */
  constructor({ onSelect, hint }) {
    this.onSelect = onSelect;
    this.hint = hint;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.outline = new Outline();
    const parts = [this.canvas, this.outline.element];
    this.element = h("div.tree", { role: "tree", tabindex: 0, "aria-label": "Search tree" }, parts);
    this.pen = this.canvas.getContext("2d");
    this.charRatio = charRatio(this.pen);
    this.camera = new Camera();
    this.following = true;
    this.selected = ROOT;
    this.hovered = null;
    this.labelled = null;
    this.origins = new Map();
    this.settled = 1;
    this.show(new Tree(emptyState()));
    listen(this);
    new ResizeObserver(() => this.#resize()).observe(this.element);
    this.element.addEventListener("keydown", (event) => this.#key(event));
    for (const moment of ["focus", "blur"]) this.element.addEventListener(moment, () => this.redraw());
  }

  /** Show this tree; nodes move from where they are to where they belong. */
  show(tree) {
    const before = this.places ? new Map([...this.places.keys()].map((id) => [id, this.at(id)])) : new Map();
    this.tree = tree;
    Object.assign(this, layout(tree));
    this.scale = scaleOf(tree.state);
    this.origins = new Map([...this.places.keys()].map((id) => [id, this.#origin(id, before)]));
    this.began = performance.now();
    this.settled = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 0;
    if (!this.places.has(this.selected)) this.select(ROOT);
    if (this.following) this.#fit();
    this.#speak();
    this.redraw();
  }

  /** A new node comes out of the one it hangs below. */
  #origin(id, before) {
    let known = id;
    while (known !== undefined && !before.has(known)) known = this.tree.parents.get(known);
    return before.get(known) ?? this.places.get(id);
  }

  /** Where a node is at this moment. */
  at(id) {
    const [from, to] = [this.origins.get(id) ?? this.places.get(id), this.places.get(id)];
    const done = 1 - (1 - this.settled) ** 3;
    const between = (field) => from[field] + (to[field] - from[field]) * done;
    return { x: between("x"), dx: between("dx"), y: between("y") };
  }

  redraw() {
    this.pending ??= requestAnimationFrame((now) => {
      this.pending = null;
      if (this.settled < 1) this.settled = Math.min(1, Math.max(0, now - this.began) / SETTLE_MS);
      paint(this.pen, this.#scene());
      if (this.settled < 1) this.redraw();
    });
  }

  #scene() {
    this.colours ??= palette();
    this.labelled = labelled(this);
    const focused = document.activeElement === this.element;
    return { ...this, focused, spot: (id) => this.camera.screen(this.at(id)) };
  }

  /** The style changed: read the colours anew. */
  recolour() {
    this.colours = null;
    this.redraw();
  }

  select(id) {
    this.selected = id;
    this.#speak();
    this.onSelect(id);
    this.redraw();
  }

  #speak() {
    this.outline.show(this.tree, this.selected);
    this.element.setAttribute("aria-activedescendant", this.outline.idOf(this.selected));
  }

  /** See all of the tree, and go on seeing all of it while it grows. */
  fit() {
    this.following = true;
    this.#fit();
    this.redraw();
  }

  #fit() {
    if (this.width) this.camera.fit(this.bounds, this.width, this.height, HEADER);
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    this.following = false;
    this.camera.zoom(factor, x, y);
    this.redraw();
  }

  pan(dx, dy) {
    this.following = false;
    this.camera.pan(dx, dy);
    this.redraw();
  }

  /** The node at a point of the screen, or null. */
  hit(x, y) {
    const { k } = this.camera;
    let [nearest, distance] = [null, Infinity];
    for (const [id, place] of this.places) {
      const [left, top] = this.camera.screen(place);
      const label = labelOf(this, id);
      const away = Math.hypot(x - Math.max(left, Math.min(x, left + (label ? label.left + label.width : 0))), y - top);
      if (away < distance) [nearest, distance] = [id, away];
    }
    return distance <= Math.max(REACH * k, CLOSE) ? nearest : null;
  }

  hover(id, x, y) {
    if (id !== this.hovered) this.redraw();
    this.hovered = id;
    this.element.classList.toggle("pointing", id !== null);
    this.hint.show(id === null || id === ROOT ? null : this.tree, id, x, y);
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const nearer = () => this.zoom(1.25);
    const command = { "+": nearer, "=": nearer, "-": () => this.zoom(0.8), f: () => this.fit() }[event.key];
    const target = walk(this, event.key);
    if (command) command();
    else if (target !== null) this.#goTo(target);
    else return;
    event.preventDefault();
  }

  #goTo(id) {
    this.select(id);
    const before = [this.camera.x, this.camera.y];
    this.camera.reveal(this.places.get(id), this.width, this.height, 60);
    if (before[0] !== this.camera.x || before[1] !== this.camera.y) this.following = false;
  }

  #resize() {
    const ratio = globalThis.devicePixelRatio || 1;
    [this.width, this.height] = [this.element.clientWidth, this.element.clientHeight];
    [this.canvas.width, this.canvas.height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.following) this.#fit();
    this.redraw();
  }
}

/** The tree on a canvas: animated growth, pan, zoom, hover, selection and keyboard navigation. */

import { AccessibleTree } from "./accessible-tree.js";
import { Camera } from "./camera.js";
import { HEADER } from "./dimensions.js";
import { h } from "./dom.js";
import { keyTarget } from "./keyboard-navigation.js";
import { labeledNodes } from "./label-layout.js";
import { labelOf } from "./labels.js";
import { measureCharRatio, paint } from "./paint.js";
import { palette, scoreScale } from "./palette.js";
import { handlePointer } from "./pointer.js";
import { emptyState } from "./state.js";
import { ROOT, Tree } from "./tree.js";
import { treeLayout } from "./tree-layout.js";

const ANIMATION_MS = 260;
const HIT_RADIUS = 12;
const MIN_HIT_RADIUS = 8;

export class TreeView {
  /** @param onSelect called with the id of the selected node; @param tooltip shows the hovered node */
  constructor({ onSelect, tooltip }) {
    this.onSelect = onSelect;
    this.tooltip = tooltip;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.accessibleTree = new AccessibleTree();
    const parts = [this.canvas, this.accessibleTree.element];
    this.element = h("div.tree", { role: "tree", tabindex: 0, "aria-label": "Search tree" }, parts);
    this.context = this.canvas.getContext("2d");
    this.charRatio = measureCharRatio(this.context);
    this.camera = new Camera();
    this.autoFit = true;
    this.selected = ROOT;
    this.hovered = null;
    this.labeled = null;
    this.origins = new Map();
    this.progress = 1;
    this.show(new Tree(emptyState()));
    handlePointer(this);
    new ResizeObserver(() => this.#resize()).observe(this.element);
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    for (const type of ["focus", "blur"]) this.element.addEventListener(type, () => this.requestPaint());
  }

  /** Show this tree; nodes move from their current to their new positions. */
  show(tree) {
    const before = new Map([...(this.positions?.keys() ?? [])].map((id) => [id, this.currentPosition(id)]));
    this.tree = tree;
    Object.assign(this, treeLayout(tree));
    this.scale = scoreScale(tree.state);
    this.origins = new Map([...this.positions.keys()].map((id) => [id, this.#origin(id, before)]));
    this.animationStart = performance.now();
    this.progress = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 0;
    if (!this.positions.has(this.selected)) this.select(ROOT);
    if (this.autoFit) this.#fitCamera();
    this.#updateAccessibleTree();
    this.requestPaint();
  }

  /** Return where the movement of a node starts: for a new node, at its nearest ancestor that was shown before. */
  #origin(id, before) {
    let ancestor = id;
    while (ancestor !== undefined && !before.has(ancestor)) ancestor = this.tree.parents.get(ancestor);
    return before.get(ancestor) ?? this.positions.get(id);
  }

  /** Return where a node is at this moment of its movement. */
  currentPosition(id) {
    const [from, to] = [this.origins.get(id) ?? this.positions.get(id), this.positions.get(id)];
    const eased = 1 - (1 - this.progress) ** 3;
    const interpolate = (field) => from[field] + (to[field] - from[field]) * eased;
    return { x: interpolate("x"), dx: interpolate("dx"), y: interpolate("y") };
  }

  requestPaint() {
    this.pendingFrame ??= requestAnimationFrame((now) => {
      this.pendingFrame = null;
      if (this.progress < 1) this.progress = Math.min(1, Math.max(0, now - this.animationStart) / ANIMATION_MS);
      paint(this.context, this.#scene());
      if (this.progress < 1) this.requestPaint();
    });
  }

  #scene() {
    this.colors ??= palette();
    this.labeled = labeledNodes(this);
    const focused = document.activeElement === this.element;
    return { ...this, focused, screenPosition: (id) => this.camera.toScreen(this.currentPosition(id)) };
  }

  /** Read the colors again after a change of theme. */
  refreshColors() {
    this.colors = null;
    this.requestPaint();
  }

  select(id) {
    this.selected = id;
    this.#updateAccessibleTree();
    this.onSelect(id);
    this.requestPaint();
  }

  #updateAccessibleTree() {
    this.accessibleTree.show(this.tree, this.selected);
    this.element.setAttribute("aria-activedescendant", this.accessibleTree.elementId(this.selected));
  }

  /** Show the whole tree, and keep showing all of it while it grows. */
  fit() {
    this.autoFit = true;
    this.#fitCamera();
    this.requestPaint();
  }

  #fitCamera() {
    if (this.width) this.camera.fit(this.bounds, this.width, this.height, HEADER);
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    this.autoFit = false;
    this.camera.zoom(factor, x, y);
    this.requestPaint();
  }

  pan(dx, dy) {
    this.autoFit = false;
    this.camera.pan(dx, dy);
    this.requestPaint();
  }

  /** Return the node at a point of the screen, or null. */
  hit(x, y) {
    const { k } = this.camera;
    let [nearest, minDistance] = [null, Infinity];
    for (const [id, position] of this.positions) {
      const [left, top] = this.camera.toScreen(position);
      const label = labelOf(this, id);
      const right = left + (label ? label.left + label.width : 0);
      const distance = Math.hypot(x - Math.max(left, Math.min(x, right)), y - top);
      if (distance < minDistance) [nearest, minDistance] = [id, distance];
    }
    return minDistance <= Math.max(HIT_RADIUS * k, MIN_HIT_RADIUS) ? nearest : null;
  }

  hover(id, x, y) {
    if (id !== this.hovered) this.requestPaint();
    this.hovered = id;
    this.element.classList.toggle("over-node", id !== null);
    this.tooltip.show(id === null || id === ROOT ? null : this.tree, id, x, y);
  }

  #onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const zoomIn = () => this.zoom(1.25);
    const command = { "+": zoomIn, "=": zoomIn, "-": () => this.zoom(0.8), f: () => this.fit() }[event.key];
    const target = keyTarget(this, event.key);
    if (command) command();
    else if (target !== null) this.#goTo(target);
    else return;
    event.preventDefault();
  }

  #goTo(id) {
    this.select(id);
    const { x, y } = this.camera;
    this.camera.reveal(this.positions.get(id), this.width, this.height, 60);
    if (x !== this.camera.x || y !== this.camera.y) this.autoFit = false;
  }

  #resize() {
    const ratio = globalThis.devicePixelRatio || 1;
    [this.width, this.height] = [this.element.clientWidth, this.element.clientHeight];
    [this.canvas.width, this.canvas.height] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (this.autoFit) this.#fitCamera();
    this.requestPaint();
  }
}

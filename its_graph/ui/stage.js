/** One or two searches side by side, and beside them what there is to read about the one last touched. */

import { fill, h } from "./dom.js";

export class Stage {
  /** @param panelOf returns the steering panel of a pane, or null where nobody can steer */
  constructor({ panelOf = () => null, empty = "" } = {}) {
    Object.assign(this, { panelOf, panes: [], active: null });
    this.empty = h("p.empty", {}, empty);
    this.trees = h("div.panes", {}, this.empty);
    this.side = h("aside.side", { "aria-label": "Details" });
    this.element = h("main.stage", {}, this.trees, this.side);
  }

  /** Put these searches on the stage. */
  show(panes) {
    this.panes = panes;
    this.active = panes[0] ?? null;
    fill(this.trees, panes.length ? panes.map((pane) => pane.element) : this.empty);
    this.trees.classList.toggle("two", panes.length > 1);
    this.read(this.active);
  }

  /** Read a pane: it becomes the active one when a person touched it. */
  read(pane, touched = false) {
    if (touched && this.panes.includes(pane)) this.active = pane;
    if (pane !== this.active) return;
    for (const one of this.panes) one.element.classList.toggle("active", one === pane && this.panes.length > 1);
    if (pane === null) return fill(this.side);
    const panel = this.panelOf(pane);
    panel?.show(pane.ask, pane.tree);
    pane.inspector.show(pane.look, (id) => pane.view.select(id), panel);
    const parts = panel ? [panel.element, pane.inspector.element] : [pane.inspector.element];
    if (parts.some((part, index) => this.side.children[index] !== part)) fill(this.side, parts);
  }

  recolour() {
    for (const pane of this.panes) pane.recolour();
    this.read(this.active);
  }
}

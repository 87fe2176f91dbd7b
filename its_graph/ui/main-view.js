/** One search, or two side by side, with a sidebar that shows details of the active one. */

import { h, replaceContents } from "./dom.js";

export class MainView {
  /**
   * @param steeringPanelOf returns the steering panel of a pane; null if the page cannot steer
   * @param placeholder text to show while there is no search
   */
  constructor({ steeringPanelOf = () => null, placeholder = "" } = {}) {
    Object.assign(this, { steeringPanelOf, panes: [], active: null });
    this.placeholder = h("p.placeholder", {}, placeholder);
    this.paneArea = h("div.panes", {}, this.placeholder);
    this.sidebar = h("aside.details", { "aria-label": "Details" });
    this.element = h("main.main-view", {}, this.paneArea, this.sidebar);
  }

  /** Show these searches and activate the first. */
  show(panes) {
    this.panes = panes;
    this.active = panes[0] ?? null;
    replaceContents(this.paneArea, panes.length ? panes.map((pane) => pane.element) : this.placeholder);
    this.paneArea.classList.toggle("side-by-side", panes.length > 1);
    this.showDetails(this.active);
  }

  /** Make a pane the active one when a person clicks or focuses it. */
  activateOnTouch(pane) {
    for (const type of ["pointerdown", "focusin"]) pane.element.addEventListener(type, () => this.#activate(pane));
  }

  #activate(pane) {
    if (this.panes.includes(pane)) this.active = pane;
    this.showDetails(pane);
  }

  /** Update the sidebar from a pane, if it is the active one. */
  showDetails(pane) {
    if (pane !== this.active) return;
    for (const shown of this.panes) shown.element.classList.toggle("active", shown === pane && this.panes.length > 1);
    if (pane === null) return replaceContents(this.sidebar);
    const panel = this.steeringPanelOf(pane);
    panel?.show(pane.humanRequest, pane.tree);
    pane.inspector.show(pane.view, (id) => pane.treeView.select(id), panel);
    const parts = panel ? [panel.element, pane.inspector.element] : [pane.inspector.element];
    if (parts.some((part, index) => this.sidebar.children[index] !== part)) replaceContents(this.sidebar, parts);
  }

  refreshColors() {
    for (const pane of this.panes) pane.refreshColors();
    this.showDetails(this.active);
  }
}

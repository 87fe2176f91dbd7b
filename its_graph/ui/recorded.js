/** The page of recorded searches: everything is in it, nothing is asked of any server. */

import { h } from "./dom.js";
import { Pane } from "./pane.js";
import { Stage } from "./stage.js";

/** Return the stage with the searches that `recordings` hold: [{title, events}]. */
export function recordedStage(recordings) {
  const stage = new Stage({ empty: "This file holds no search." });
  const panes = recordings.map(({ title, events }) => new Pane({ title, events, onSelect: (pane) => stage.read(pane) }));
  for (const pane of panes) pane.element.addEventListener("pointerdown", () => stage.read(pane, true));
  for (const pane of panes) pane.element.addEventListener("focusin", () => stage.read(pane, true));
  stage.show(panes.slice(0, 2));
  return { stage, tools: panes.length > 2 ? [chooser(stage, panes)] : [] };
}

/** With more than two searches: which one is seen. */
function chooser(stage, panes) {
  const options = panes.map((pane, index) => h("option", { value: index }, `${index + 1}. ${pane.title}`));
  const select = h("select", { "aria-label": "Search", onchange: () => stage.show([panes[Number(select.value)]]) }, options);
  stage.show([panes[0]]);
  return select;
}

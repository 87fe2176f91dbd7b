/** The page of recorded searches: it contains all data and sends no requests. */

import { h } from "./dom.js";
import { MainView } from "./main-view.js";
import { SearchPane } from "./search-pane.js";

/** Return the main view and the tools for `recordings`: [{title, events}]. */
export function recordedPage(recordings) {
  const mainView = new MainView({ placeholder: "This file contains no searches." });
  const onSelect = (pane) => mainView.showDetails(pane);
  const panes = recordings.map(({ title, events }) => new SearchPane({ title, events, onSelect }));
  for (const pane of panes) mainView.activateOnTouch(pane);
  mainView.show(panes.slice(0, 2));
  return { mainView, tools: panes.length > 2 ? [searchSelect(mainView, panes)] : [] };
}

/** With more than two searches: selects the one to show. */
function searchSelect(mainView, panes) {
  const options = panes.map((pane, index) => h("option", { value: index }, `${index + 1}. ${pane.title}`));
  const onchange = () => mainView.show([panes[Number(select.value)]]);
  const select = h("select", { "aria-label": "Search", onchange }, options);
  mainView.show([panes[0]]);
  return select;
}

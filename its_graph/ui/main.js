/** Entry point: shows the recorded searches that the file contains, or else connects to the server it came from. */

import { h } from "./dom.js";
import { livePage } from "./live-page.js";
import { recordedPage } from "./recorded-page.js";
import { themeButton } from "./theme.js";

const recordings = document.getElementById("recordings");
const { mainView, tools, sidebar = [] } = recordings ? recordedPage(JSON.parse(recordings.textContent)) : livePage();
const title = h("h1", {}, "its_graph", h("span.muted", {}, recordings ? " recorded search" : " live searches"));
const topBar = h("header.top", {}, title, h("span.tools", {}, tools, themeButton(() => mainView.refreshColors())));
document.body.classList.toggle("recorded", recordings !== null);
document.body.append(topBar, ...sidebar, mainView.element);
document.body.dataset.ready = "yes";

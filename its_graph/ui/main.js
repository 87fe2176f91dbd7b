/** Where the page begins: recorded searches if the file holds any, else the server that it came from. */

import { h } from "./dom.js";
import { recordedStage } from "./recorded.js";
import { servedStage } from "./served.js";
import { themeButton } from "./theme.js";

const recording = document.getElementById("recording");
const { stage, tools, side = [] } = recording ? recordedStage(JSON.parse(recording.textContent)) : servedStage();
const title = h("h1", {}, "its_graph", h("span.soft", {}, recording ? " recorded search" : " live searches"));
const bar = h("header.top", {}, title, h("span.tools", {}, tools, themeButton(() => stage.recolour())));
document.body.classList.toggle("recorded", recording !== null);
document.body.append(bar, ...side, stage.element);
document.body.dataset.ready = "yes";

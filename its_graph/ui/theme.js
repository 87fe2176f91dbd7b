/** Light or dark: as the machine prefers, until a person chooses. */

import { h } from "./dom.js";

const KEY = "its_graph.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");

/** Return the button that changes the theme; `onChange` is called whenever colours change. */
export function themeButton(onChange) {
  const button = h("button.small", { type: "button", onclick: () => choose(isDark() ? "light" : "dark") });
  const show = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Change to ${isDark() ? "light" : "dark"} colours`);
    onChange();
  };
  const choose = (theme) => {
    remember(theme);
    show();
  };
  DARK.addEventListener("change", show);
  show();
  return button;
}

function isDark() {
  const chosen = remembered();
  return chosen === null ? DARK.matches : chosen === "dark";
}

/** A page from a file may have no storage: then the choice holds until it is closed. */
let unstored = null;

function remember(theme) {
  unstored = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

function remembered() {
  try {
    return localStorage.getItem(KEY) ?? unstored;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    return unstored;
  }
}

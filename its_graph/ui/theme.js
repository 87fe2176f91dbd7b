/** Light or dark theme: the system's preference, until a person chooses. */

import { h } from "./dom.js";

const KEY = "its_graph.theme";
const DARK = matchMedia("(prefers-color-scheme: dark)");

/** Return the button that switches the theme; `onChange` is called whenever colors change. */
export function themeButton(onChange) {
  const button = h("button.small", { type: "button", onclick: () => choose(isDark() ? "light" : "dark") });
  const update = () => {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    button.textContent = isDark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${isDark() ? "light" : "dark"} theme`);
    onChange();
  };
  const choose = (theme) => {
    storeTheme(theme);
    update();
  };
  DARK.addEventListener("change", update);
  update();
  return button;
}

function isDark() {
  const chosen = storedTheme();
  return chosen === null ? DARK.matches : chosen === "dark";
}

/** A page from a file may have no storage: then the choice lasts until the page is closed. */
let sessionTheme = null;

function storeTheme(theme) {
  sessionTheme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

function storedTheme() {
  try {
    return localStorage.getItem(KEY) ?? sessionTheme;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    return sessionTheme;
  }
}

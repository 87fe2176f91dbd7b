/** DOM helpers. Text becomes text nodes, never markup, so model output cannot become part of the page. */

/**
 * Return a new element.
 *
 * @param tag tag name, with classes after dots: "p.note"
 * @param attributes attributes; functions under `onclick` and the like become listeners; false and null are left out
 * @param children elements or texts; null and undefined are left out
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(attributes)) setAttribute(element, key, value);
  element.append(...present(children));
  return element;
}

function setAttribute(element, key, value) {
  if (typeof value === "function") element.addEventListener(key.slice(2), value);
  else if (value === true) element.setAttribute(key, "");
  else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined);
}

/** Replace the contents of `element`. */
export function replaceContents(element, ...children) {
  element.replaceChildren(...present(children));
}

const lastKeys = new WeakMap();

/**
 * Replace the contents of `element` by what `makeContents` returns, if `key` (any plain data) has changed since the last
 * call. Unchanged contents keep their focus, their selection, and clicks in progress; changed ones keep the focus.
 */
export function updateContents(element, key, makeContents) {
  const serialized = JSON.stringify(key);
  if (lastKeys.get(element) === serialized) return;
  lastKeys.set(element, serialized);
  const focused = element.contains(document.activeElement) ? controlName(document.activeElement) : null;
  replaceContents(element, makeContents());
  if (focused === null) return;
  [...element.querySelectorAll("button, input, textarea")].find((control) => controlName(control) === focused)?.focus();
}

function controlName(control) {
  return control.id || control.getAttribute("aria-label") || control.textContent;
}

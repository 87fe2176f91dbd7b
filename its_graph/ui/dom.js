/** Elements from plain calls. Text becomes text nodes, never markup: what a model wrote cannot become part of the page. */

/**
 * Return a new element.
 *
 * @param tag its tag, with classes behind dots: "p.note"
 * @param given attributes; a function under `onclick` and the like listens; false and null leave an attribute out
 * @param children elements or texts; null ones are left out
 */
export function h(tag, given = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.classList.add(...classes);
  for (const [key, value] of Object.entries(given)) set(element, key, value);
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

function set(element, key, value) {
  if (typeof value === "function") element.addEventListener(key.slice(2), value);
  else if (value === true) element.setAttribute(key, "");
  else if (value !== false && value !== null && value !== undefined) element.setAttribute(key, String(value));
}

const shown = new WeakMap();

/**
 * Replace what `element` holds by what `make` returns, if that can be another than last time: if `key` (any plain data)
 * is. What is left alone keeps its focus, its selection, and clicks that have begun.
 */
export function refill(element, key, make) {
  const written = JSON.stringify(key);
  if (shown.get(element) === written) return;
  shown.set(element, written);
  const focused = element.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  fill(element, make());
  if (focused !== null) [...element.querySelectorAll("button, input, textarea")].find((one) => nameOf(one) === focused)?.focus();
}

function nameOf(control) {
  return control.id || control.getAttribute("aria-label") || control.textContent;
}

/** Replace what `element` holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

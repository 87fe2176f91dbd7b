/** Asks for the key of a server that wants one. */

import { h } from "./dom.js";

/** Resolve to the key that a person typed. */
export function askKey() {
  return new Promise((resolve) => {
    const input = h("input", { type: "password", id: "api-key", required: true, autocomplete: "off" });
    const send = h("button.primary", { type: "submit" }, "Go on");
    const form = h("form", { method: "dialog" }, h("label", { for: "api-key" }, "This server wants an API key"), input, send);
    const dialog = h("dialog", { oncancel: (event) => event.preventDefault() }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(input.value);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

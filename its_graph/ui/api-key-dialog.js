/** Dialog for the API key of a server that requires one. */

import { h } from "./dom.js";

/** Resolve to the key that a person enters. */
export function askForApiKey() {
  return new Promise((resolve) => {
    const input = h("input", { type: "password", id: "api-key", required: true, autocomplete: "off" });
    const submit = h("button.primary", { type: "submit" }, "Continue");
    const label = h("label", { for: "api-key" }, "This server requires an API key");
    const form = h("form", { method: "dialog" }, label, input, submit);
    const dialog = h("dialog", { oncancel: (event) => event.preventDefault() }, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(input.value);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

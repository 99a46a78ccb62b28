// Asks for confirmation of an action that cannot be undone.

import { byId } from "./element.js";

const dialog = byId("confirm");

/** Whether the user confirms; Escape cancels, and the focus is on Cancel. */
export function confirmed(title, text, yes) {
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  byId("confirm-no").focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

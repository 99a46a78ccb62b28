// Short messages.

import { byId, element } from "./element.js";

const STAYS = 6_000;
const AT_ONCE = 3;

/** Shows a short message, which screen readers read out; anything important is shown elsewhere as well. */
export function toast(text) {
  const node = element("p", {}, text);
  const toasts = byId("toasts");
  toasts.append(node);
  if (toasts.childElementCount > AT_ONCE) toasts.firstElementChild.remove();
  setTimeout(() => node.remove(), STAYS);
}

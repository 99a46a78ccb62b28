// A word in passing.

import { byId, element } from "./element.js";

const STAYS = 6_000;
const AT_ONCE = 3;

/** Says something in passing; it is read out, and what matters stands elsewhere as well. */
export function toast(text) {
  const node = element("p", {}, text);
  const toasts = byId("toasts");
  toasts.append(node);
  if (toasts.childElementCount > AT_ONCE) toasts.firstElementChild.remove();
  setTimeout(() => node.remove(), STAYS);
}

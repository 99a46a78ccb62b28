// The parts of the page: the work, the organization and one's account. The address behind # says which one is seen. The work goes
// on while another part is seen: uploads are under way there.

import { byId } from "./element.js";

const VIEWS = ["work", "organization", "account"];
// By the view: what opens and closes its content.
const contents = new Map();
let seen = null;
let isOpen = false;

/** Says what `open` and `close` the content of a view; it is open while it is seen. */
export function onView(name, content) {
  contents.set(name, content);
}

/** Begins with the view of the address. */
export function openViews() {
  isOpen = true;
  turn();
}

/** Shows a view at once. */
export function seeView(name) {
  location.hash = name;
  turn();
}

export function closeViews() {
  if (seen) contents.get(seen)?.close();
  seen = null;
  isOpen = false;
}

function turn() {
  if (!isOpen) return;
  const asked = location.hash.slice(1);
  const next = VIEWS.includes(asked) ? asked : seen ?? "work";
  if (next === seen) return;
  if (seen) contents.get(seen)?.close();
  seen = next;
  for (const name of VIEWS) {
    byId(`${name}-view`).hidden = name !== seen;
    const link = byId(`to-${name}`);
    if (name === seen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  contents.get(seen)?.open();
}

window.addEventListener("hashchange", turn);

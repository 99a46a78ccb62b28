// The users of the organization, page by page, and the cost of a page.

import { ask } from "./api.js";
import { byId, element, say } from "./element.js";
import { show } from "./live.js";
import { counted, milliseconds, number } from "./words.js";

const region = byId("user-rows");
const rows = byId("user-list");
const previous = byId("previous");
const next = byId("next");
let size = 1000;
// The cursors of the pages up to the current one; the first page has none.
let trail = [null];
let following = null;
let asking = new AbortController();
let hide = null;

export function openUsers() {
  trail = [null];
  showPage();
}

export function closeUsers() {
  hide?.();
  asking.abort();
  rows.replaceChildren();
  byId("cost").replaceChildren();
}

/** Shows the page at the end of the trail, as it is now and becomes. */
function showPage() {
  hide?.();
  const query = new URLSearchParams({ limit: size });
  if (trail.at(-1)) query.set("cursor", trail.at(-1));
  const path = `/v1/users?${query}`;
  let isNew = true;
  hide = show(path, async () => {
    await fetchPage(path, isNew);
    isNew = false;
  });
}

async function fetchPage(path, isNew) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  region.setAttribute("aria-busy", "true");
  let cost;
  try {
    const page = await ask("GET", path, { signal, cost: (told) => { cost = told; } });
    following = page.next_cursor ?? null;
    rows.replaceChildren(...page.items.map(row));
    if (isNew) region.scrollTop = 0;
    say(byId("users-problem"));
    showCost(page.items.length, cost);
  } catch (problem) {
    if (signal.aborted) return;
    following = null;
    rows.replaceChildren();
    byId("cost").replaceChildren();
    say(byId("users-problem"), problem.message);
  }
  region.removeAttribute("aria-busy");
  // Disabling the focused button would lose the focus.
  if (document.activeElement === next && !following || document.activeElement === previous && trail.length < 2) {
    region.focus();
  }
  next.disabled = !following;
  previous.disabled = trail.length < 2;
  byId("pages").hidden = next.disabled && previous.disabled;
}

function row({ email, profile, permissions }) {
  return element("tr", {},
    element("td", {}, element("span", { class: "person" }, profile.display_name),
      profile.title && element("span", { class: "quiet" }, ` ${profile.title}`)),
    element("td", {}, email),
    element("td", { title: permissions.join(", ") }, number(permissions.length)));
}

/**
 * The first time four statements are for the list, however long it is, and one is for the session. What is in memory later costs none.
 */
function showCost(users, cost) {
  const figures = [counted(users, "user")];
  byId("cost-hint").hidden = !cost;
  if (cost) figures.push(counted(cost.statements, "statement"), milliseconds(cost.milliseconds));
  byId("cost").replaceChildren(...figures.flatMap((figure, index) => {
    const [value, ...unit] = figure.split(" ");
    return [index ? element("span", { class: "dot" }, " · ") : null, element("b", {}, value), ` ${unit.join(" ")}`];
  }).filter(Boolean));
}

function turn(forward) {
  if (forward && following) trail.push(following);
  else if (!forward && trail.length > 1) trail.pop();
  else return;
  // Until the page has arrived there is no next one.
  following = null;
  showPage();
}

next.addEventListener("click", () => turn(true));
previous.addEventListener("click", () => turn(false));
region.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
  event.preventDefault();
  turn(event.key === "ArrowRight");
});
byId("sizes").addEventListener("change", (event) => {
  size = Number(event.target.value);
  openUsers();
});

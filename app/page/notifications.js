// Notifications: the bell with the number of unread ones, the list behind it, and a toast for each new one.

import { ask } from "./api.js";
import { byId, element, say } from "./element.js";
// carve:if files
import { showFile } from "./files.js";
// carve:end
import { show } from "./live.js";
import { toast } from "./toast.js";
// carve:if files
import { seeView } from "./views.js";
// carve:end
import { since } from "./words.js";

const FIRST = "/v1/notifications?limit=20";
const SIGNS = { file_ready: "✓", file_failed: "✕" };
const inbox = byId("inbox");
const list = byId("told");
const more = byId("told-more");
let hide = null;
// Those of the newest page that was fetched; nothing before the first.
let known = null;
let cursor = null;
let asking = new AbortController();

export function openNotifications() {
  known = null;
  hide = show(FIRST, showNewest);
}

export function closeNotifications() {
  hide?.();
  asking.abort();
  inbox.hidePopover();
  list.replaceChildren();
  showUnread(0);
}

/** Shows what is new, and what was read elsewhere. */
async function showNewest() {
  const page = await ask("GET", FIRST).catch(() => null);
  if (!page) return;
  const isNew = known ? ({ id }) => !known.has(id) : () => false;
  const isShown = inbox.matches(":popover-open");
  for (const notification of page.items.filter(isNew).toReversed()) {
    toast(`${notification.title}: ${notification.body}`);
    if (isShown) list.prepend(row(notification));
  }
  known = new Set(page.items.map(({ id }) => id));
  const read = new Set(page.items.filter((item) => item.read_at).map(({ id }) => id));
  for (const node of list.children) if (read.has(node.dataset.id)) node.markRead();
  showUnread(page.unread);
  if (isShown) showWhetherEmpty();
}

function showUnread(unread) {
  // The service counts no further.
  const text = unread >= 1000 ? "999+" : String(unread);
  say(byId("unread"), unread ? text : "");
  byId("bell").setAttribute("aria-label", unread ? `Notifications, ${text} unread` : "Notifications");
  const readAll = byId("read-all");
  // Disabling the focused button would lose the focus.
  if (!unread && document.activeElement === readAll) list.querySelector("button")?.focus();
  readAll.disabled = !unread;
}

async function showPage() {
  const { signal } = asking;
  const path = cursor ? `${FIRST}&${new URLSearchParams({ cursor })}` : FIRST;
  try {
    const page = await ask("GET", path, { signal });
    list.append(...page.items.map(row));
    cursor = page.next_cursor ?? null;
    showUnread(page.unread);
    say(byId("inbox-problem"));
  } catch (problem) {
    if (signal.aborted) return;
    say(byId("inbox-problem"), problem.message);
  }
  more.hidden = !cursor;
  showWhetherEmpty();
}

function showWhetherEmpty() {
  byId("told-nothing").hidden = list.childElementCount > 0 || !byId("inbox-problem").hidden;
}

function row(notification) {
  const { id, kind, title, body, link, read_at: readAt, created_at: createdAt } = notification;
  // carve:if files
  const file = /^\/v1\/files\/([0-9a-f-]+)$/.exec(link)?.[1];
  // carve:end
  const node = element("li", { class: "told", "data-kind": kind, "data-id": id });
  const go = async () => {
    inbox.hidePopover();
    read();
    // carve:if files
    if (!file) return;
    seeView("work");
    await showFile(file);
    // carve:end
  };
  const news = readAt ? null : element("span", { class: "new" }, "New");
  const words = element("button", { type: "button", class: "plain", click: go },
    element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[kind] ?? "•"),
    element("span", {}, element("b", {}, title), " ", news, element("br", {}), body));
  const label = `Mark as read: ${body}`;
  const done = element("button", { type: "button", class: "link", click: () => read(), "aria-label": label }, "Mark as read");
  const read = async () => {
    if (!node.contains(done)) return;
    try {
      await ask("POST", `/v1/notifications/${id}/read`);
      node.markRead();
    } catch (problem) {
      say(byId("inbox-problem"), problem.message);
    }
  };
  node.markRead = () => {
    if (document.activeElement === done) words.focus();
    done.remove();
    news?.remove();
  };
  const when = element("time", { datetime: createdAt, class: "quiet" }, since(createdAt));
  node.append(words, element("span", { class: "when" }, when, readAt ? "" : done));
  return node;
}

inbox.addEventListener("toggle", (event) => {
  if (event.newState !== "open") return;
  asking.abort();
  asking = new AbortController();
  list.replaceChildren();
  cursor = null;
  showPage();
});
more.addEventListener("click", showPage);
byId("read-all").addEventListener("click", async () => {
  try {
    await ask("POST", "/v1/notifications/read-all");
    for (const node of list.children) node.markRead();
    showUnread(0);
  } catch (problem) {
    say(byId("inbox-problem"), problem.message);
  }
});

// The end of an organization: an owner closes it, and can reopen it until it is erased.

import { act } from "./act.js";
import { ask } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId } from "./element.js";
import { time } from "./words.js";

const view = byId("closed-view");
/** What works in an open organization only. */
const WORK = ["work-view", "organization-view", "account-view", "to-work", "to-organization", "to-account", "bell"];
const LINKS = WORK.filter((id) => !id.endsWith("-view"));

/** Shows that the organization of a session is closed, and offers an owner to reopen it. */
export function openClosed({ organization, user }) {
  for (const id of WORK) byId(id)?.setAttribute("hidden", "");
  byId("closed-title").textContent = `${organization.name} is closed`;
  byId("closed-text").textContent = `On ${time(organization.erased_at)} everything in it will be erased. `
    + (user.role === "owner" ? "Until then you can reopen it." : "Until then an owner can reopen it.");
  byId("reopen").hidden = user.role !== "owner";
  view.hidden = false;
}

export function closeClosed() {
  view.hidden = true;
  for (const id of LINKS) byId(id)?.removeAttribute("hidden");
}

/** Calls `then` when the organization was closed or reopened here. */
export function onClosing(then) {
  byId("close-organization").addEventListener("click", async () => {
    const name = byId("organization-name").value;
    const says = "Nobody can work here from now on: sessions and API keys stop at once. You can reopen it for some days; then everything in it is "
      + "erased, with the accounts of people who belong to no other organization.";
    if (!await confirmed(`Close ${name}?`, says, "Close")) return;
    if (await act(byId("closing-problem"), () => ask("POST", "/v1/organization/close"))) then();
  });
  byId("reopen").addEventListener("click", async () => {
    if (await act(byId("closed-problem"), () => ask("POST", "/v1/organization/reopen"))) then();
  });
}

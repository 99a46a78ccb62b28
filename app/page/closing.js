// The end of an organization: an owner closes it, and can reopen it until it is erased.

import { act } from "./act.js";
import { ask } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId } from "./element.js";

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

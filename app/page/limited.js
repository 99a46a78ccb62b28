// A session that reaches only its person's own account: in an organization that is closed or suspended, or that requires a second factor.

import { requireFactor } from "./account.js";
import { byId } from "./element.js";
import { time } from "./words.js";

/** What works in an organization only in which the person can work. */
const WORK = ["work-view", "organization-view", "account-view", "to-work", "to-organization", "to-account", "bell"];
const LINKS = WORK.filter((id) => !id.endsWith("-view"));

let contact = "";

/** Says whom people ask about a suspended organization; may be empty. */
export function contactIs(whom) {
  contact = whom;
}

export const isLimited = ({ limit, organization }) => Boolean(limit || organization.erased_at);

/** Says why nothing else is shown, and what the person can do. */
export function openLimited(session) {
  for (const id of WORK) byId(id)?.setAttribute("hidden", "");
  const { organization: { name, erased_at: end }, limit, user } = session;
  if (limit === "second_factor") return requireFactor(name);
  const isSuspended = limit === "suspended";
  byId("closed-title").textContent = `${name} is ${isSuspended ? "suspended" : "closed"}`;
  byId("closed-text").textContent = isSuspended
    ? `Nobody can work here for now. Nothing was deleted. Ask ${contact || "those who run this service"} what to do.`
    : `On ${time(end)} everything in it will be erased. ${user.role === "owner" ? "Until then you can reopen it." : "Until then an owner can reopen it."}`;
  byId("reopen").hidden = isSuspended || user.role !== "owner";
  byId("closed-view").hidden = false;
}

export function closeLimited() {
  byId("closed-view").hidden = true;
  requireFactor(null);
  for (const id of LINKS) byId(id)?.removeAttribute("hidden");
}

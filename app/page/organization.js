// The organization: its name, its people and their roles, invitations, API keys.

import { act, onSubmit } from "./act.js";
import { ask } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, element, say } from "./element.js";
import { toast } from "./toast.js";
import { since, time } from "./words.js";

const PAGE = 50;
const problem = byId("organization-problem");
const members = byId("members");
let own = null;
let cursor = null;

export async function openOrganization() {
  await act(problem, async () => {
    own = await ask("GET", "/v1/auth/session");
    for (const [id, permission] of Object.entries({ rename: "organization.write", closing: "organization.write", invite: "members.write", "api-keys": "api_keys.write" })) {
      byId(id).hidden = !may(permission);
    }
    byId("pending").hidden = !may("members.write");
    if (may("members.read")) showOrganization(await ask("GET", "/v1/organization"));
    members.replaceChildren();
    cursor = null;
    await Promise.all([
      may("members.read") && showMembers(),
      may("members.write") && showInvitations(),
      may("api_keys.write") && showKeys(),
    ]);
  });
}

export function closeOrganization() {
  for (const id of ["members", "invitations", "keys", "key-permissions"]) byId(id).replaceChildren();
  say(byId("new-key"));
}

const may = (permission) => own.permissions.includes(permission);

function showOrganization({ name, second_factor_required: isRequired }) {
  byId("organization-name").value = name;
  byId("factor-required").checked = isRequired;
}

async function showMembers() {
  const query = new URLSearchParams({ limit: PAGE, ...cursor && { cursor } });
  const page = await ask("GET", `/v1/users?${query}`);
  cursor = page.next_cursor ?? null;
  members.append(...page.items.map(member));
  byId("more-members").hidden = !cursor;
}

function member({ id, email, profile, role }) {
  const isOwn = id === own.user.id;
  const who = element("span", {}, element("b", {}, profile.display_name), element("span", { class: "quiet" }, ` ${email}`));
  if (!may("members.write") || isOwn) {
    return element("li", {}, who, element("span", { class: "quiet" }, isOwn ? `${role} · you` : role));
  }
  const roles = ["member", "admin", "owner", ...role === "custom" ? ["custom"] : []];
  const choice = element("select", { "aria-label": `Role of ${email}` },
    roles.map((name) => element("option", { value: name, selected: name === role, disabled: name === "custom" }, name)));
  choice.addEventListener("change", async () => {
    const isDone = await act(problem, () => ask("PATCH", `/v1/users/${id}/role`, { body: { role: choice.value } }));
    if (isDone) role = choice.value;
    else choice.value = role;
  });
  const row = element("li", {}, who, choice, element("button", {
    type: "button", class: "small", "aria-label": `Remove ${email}`, click: () => remove(id, email, row),
  }, "Remove"));
  return row;
}

async function remove(id, email, row) {
  const says = "The person is signed out here at once, and API keys that the person has made stop working.";
  if (!await confirmed(`Remove ${email}?`, says, "Remove")) return;
  if (!await act(problem, () => ask("DELETE", `/v1/users/${id}`))) return;
  row.remove();
  toast(`${email} was removed.`);
}

async function showInvitations() {
  const { items } = await ask("GET", "/v1/invitations?limit=100");
  byId("invitations").replaceChildren(...items.map(({ id, email, role, expires_at: until }) => element("li", {},
    element("span", {}, element("b", {}, email), element("span", { class: "quiet" }, ` as ${role} · until ${time(until)}`)),
    element("button", {
      type: "button", class: "small", "aria-label": `Take back the invitation of ${email}`,
      click: async () => { if (await act(problem, () => ask("DELETE", `/v1/invitations/${id}`))) await showInvitations(); },
    }, "Take back"))));
  byId("no-invitations").hidden = items.length > 0;
}

async function showKeys() {
  const { items } = await ask("GET", "/v1/api-keys?limit=100");
  byId("keys").replaceChildren(...items.map(key));
  byId("no-keys").hidden = items.length > 0;
  byId("key-permissions").replaceChildren(...own.permissions.map((permission) => element("label", {},
    element("input", { type: "checkbox", name: "permission", value: permission }), permission)));
}

function key({ id, name, prefix, permissions, last_used_at: used, expires_at: until }) {
  const facts = [used ? `last used ${since(used)}` : "never used", until && `until ${time(until)}`, permissions.join(", ")];
  const revoke = async () => {
    if (!await confirmed(`Revoke ${name}?`, "Programs that use the key stop working at once.", "Revoke")) return;
    if (await act(problem, () => ask("DELETE", `/v1/api-keys/${id}`))) await showKeys();
  };
  return element("li", {},
    element("span", {}, element("b", {}, name), " ", element("code", {}, `${prefix}…`),
      element("span", { class: "quiet" }, ` ${facts.filter(Boolean).join(" · ")}`)),
    element("button", { type: "button", class: "small", "aria-label": `Revoke ${name}`, click: revoke }, "Revoke"));
}

onSubmit("rename", async () => {
  const body = { name: byId("organization-name").value, second_factor_required: byId("factor-required").checked };
  const { name } = await ask("PATCH", "/v1/organization", { body });
  byId("organization").textContent = name;
}, () => toast("Saved."));

onSubmit("invite", () => {
  const body = { email: byId("invite-email").value, role: byId("invite-role").value };
  return ask("POST", "/v1/invitations", { body });
}, async (form) => {
  toast(`A mail to ${byId("invite-email").value} is on its way.`);
  form.reset();
  await act(problem, showInvitations);
});

let issued;
onSubmit("make-key", async () => {
  const permissions = [...byId("key-permissions").querySelectorAll(":checked")].map((box) => box.value);
  const until = byId("key-until").value;
  const body = { name: byId("key-name").value, permissions, ...until && { expires_at: `${until}T00:00:00Z` } };
  issued = await ask("POST", "/v1/api-keys", { body });
}, async (form) => {
  form.reset();
  await act(problem, showKeys);
  byId("new-key").replaceChildren("Copy the key now; it is not shown again: ", element("code", {}, issued.key));
  byId("new-key").hidden = false;
  issued = null;
});

byId("more-members").addEventListener("click", () => act(problem, showMembers));

// One's own account: profile, address, password, second factor, devices.

import { act, mailAgain, onSubmit } from "./act.js";
import { ask } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, element, say } from "./element.js";
import { showLinked } from "./providers.js";
import { toast } from "./toast.js";
import { deviceName, since } from "./words.js";

const problem = byId("account-problem");
let session = null;

/** Whose account it is. */
export function accountOf(next) {
  session = next;
}

export async function openAccount() {
  await act(problem, async () => {
    const [own, { items }] = await Promise.all([ask("GET", "/v1/auth/account"), ask("GET", "/v1/auth/sessions")]);
    showAddress(own);
    showFactor(own);
    await showLinked(own);
    byId("devices").replaceChildren(...items.map(device));
    byId("end-others").hidden = items.length < 2;
  });
  // Who may not read the organization's users types a new name without seeing the old one.
  const user = await ask("GET", `/v1/users/${session.user.id}`).catch(() => null);
  byId("display-name").value = user?.profile.display_name ?? "";
  byId("title").value = user?.profile.title ?? "";
}

/** Shows nothing of the account but the second factor, which this organization requires; of none, the whole account. */
export function requireFactor(organization) {
  const view = byId("account-view");
  if (view.classList.contains("limited")) closeAccount();
  view.classList.toggle("limited", Boolean(organization));
  say(byId("factor-required-here"), organization && `${organization} requires a second factor: set one up to work here.`);
  byId("go-on").hidden = true;
  if (!organization) return;
  view.hidden = false;
  act(problem, async () => showFactor(await ask("GET", "/v1/auth/account")));
}

export function closeAccount() {
  for (const id of ["devices", "identities", "link-providers", "factor-secret", "recovery-codes"]) byId(id).replaceChildren();
  byId("recovery").hidden = byId("totp-confirm").hidden = true;
  for (const form of byId("account-view").querySelectorAll("form")) form.reset();
}

function showAddress({ email, address_confirmed: isConfirmed }) {
  const state = isConfirmed ? "✓ confirmed" : "not confirmed yet";
  byId("address").replaceChildren(element("b", {}, email), ` ${state} `, ...isConfirmed ? [] : [mailAgain()]);
}

function showFactor({ second_factor: isOn }) {
  byId("factor").textContent = isOn
    ? "✓ On: sign-in asks for a code of your authenticator application."
    : "Off: the password alone signs in.";
  byId("totp-begin").hidden = isOn || !byId("totp-confirm").hidden;
  byId("totp-remove").hidden = byId("totp-codes").hidden = !isOn;
}

function device({ id, device, address, current, last_seen_at: seen, created_at: created }) {
  const about = [address, current ? "this one" : `last used ${since(seen ?? created)}`].filter(Boolean).join(" · ");
  const end = () => act(problem, () => ask("DELETE", `/v1/auth/sessions/${id}`)).then(openAccount);
  return element("li", {},
    element("span", {}, element("b", { title: device }, deviceName(device)), element("span", { class: "quiet" }, ` ${about}`)),
    !current && element("button", { type: "button", class: "small", click: end, "aria-label": `Sign out ${deviceName(device)}` }, "Sign out"));
}

function showCodes({ recovery_codes: codes }) {
  byId("recovery-codes").replaceChildren(...codes.map((code) => element("li", {}, element("code", {}, code))));
  byId("recovery").hidden = false;
  byId("recovery").focus();
}

onSubmit("profile", () => {
  const profile = { display_name: byId("display-name").value, title: byId("title").value || null };
  return ask("PATCH", "/v1/auth/profile", { body: { profile } });
}, () => toast("Saved."));

onSubmit("change-address", () => ask("POST", "/v1/auth/email", { body: { email: byId("other-email").value } }), (form) => {
  form.reset();
  toast("Both addresses get a mail: the change is made when both links were followed.");
});

onSubmit("change-password", () => ask("POST", "/v1/auth/password", { body: { password: byId("other-password").value } }), (form) => {
  form.reset();
  toast("Your password is changed, and your other devices are signed out.");
  return openAccount();
});

byId("totp-begin").addEventListener("click", () => act(byId("totp-confirm-problem"), async () => {
  const { secret, url } = await ask("POST", "/v1/auth/totp");
  const typed = secret.match(/.{1,4}/g).join(" ");
  byId("factor-secret").replaceChildren("Type this secret into the application: ", element("code", {}, typed), ", or ",
    element("a", { href: url }, "open it on this device"), ".");
  byId("totp-confirm").hidden = false;
  byId("totp-begin").hidden = true;
  byId("totp-code").focus();
}));

let codes;
onSubmit("totp-confirm", async () => {
  codes = await ask("POST", "/v1/auth/totp/confirm", { body: { code: byId("totp-code").value } });
}, async (form) => {
  form.reset();
  form.hidden = true;
  byId("factor-secret").replaceChildren();
  byId("go-on").hidden = !byId("account-view").classList.contains("limited");
  await openAccount();
  showCodes(codes);
});
byId("go-on").addEventListener("click", () => location.assign("/"));

byId("totp-codes").addEventListener("click", () => act(problem, async () => {
  showCodes(await ask("POST", "/v1/auth/totp/recovery-codes"));
}));
byId("totp-remove").addEventListener("click", async () => {
  if (!await confirmed("Remove the second factor?", "Sign-in then asks for the password alone.", "Remove")) return;
  if (await act(problem, () => ask("DELETE", "/v1/auth/totp"))) await openAccount();
});
byId("end-others").addEventListener("click", async () => {
  if (await act(problem, () => ask("DELETE", "/v1/auth/sessions"))) await openAccount();
});
byId("leave").addEventListener("click", async () => {
  const name = session.organization.name;
  if (!await confirmed(`Leave ${name}?`, "You cannot come back without an invitation. API keys that you have made stop working.", "Leave")) return;
  if (await act(problem, () => ask("POST", "/v1/organization/leave"))) location.assign("/");
});

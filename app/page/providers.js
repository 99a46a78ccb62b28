// Sign-in with providers such as Google: the buttons, what became of an attempt, and those that are linked to one's account.

import { act } from "./act.js";
import { ask } from "./api.js";
import { byId, element } from "./element.js";
import { toast } from "./toast.js";
import { since } from "./words.js";

/** What is said of an attempt that has failed, by the kind of its problem. */
const PROBLEMS = {
  "account-suspended": "The account is suspended: ask those who run this service.",
  "address-unconfirmed": "There is an account with your address, and the address was never confirmed. Enter it and choose “Mail me a link”, then sign in with the provider again.",
  "provider-address": "The provider does not vouch for your address. Verify it there, or sign in or sign up here, then link the provider under Account.",
  "provider-again": "Your account has changed meanwhile: try again.",
  "provider-answer": "The provider's answer cannot be used. Try again, or sign in in another way.",
  "provider-attempt": "This attempt was used, is too old or began in another browser: begin again here.",
  "provider-denied": "The provider says that you did not agree. Nothing has changed.",
  "provider-limit": "No more providers can be linked to your account.",
  "provider-session": "You are signed in as somebody else by now, or not at all: sign in, then link the provider again.",
  "provider-taken": "It is linked to another account already.",
  "provider-unlinked": "Sign in or sign up here, then link the provider under Account.",
  "provider-unreachable": "The provider cannot be reached. Try again later, or sign in in another way.",
  "too-many-attempts": "Too many attempts from your address: wait a minute.",
};
const OTHER = "The provider has signed nobody in. Try again, or sign in in another way.";

/** What became of an attempt from which the browser comes back, taken out of the address; null if it comes from elsewhere. */
export function backFromProvider(isSignedIn) {
  const [page, query = ""] = location.hash.slice(1).split("?");
  if (page !== "provider") return null;
  history.replaceState(null, "", isSignedIn ? "/#account" : "/");
  const outcome = new URLSearchParams(query);
  const problem = outcome.get("problem");
  const isLinked = !problem && outcome.get("done") === "linked";
  const says = isLinked ? "The provider is linked: you can sign in with it." : PROBLEMS[problem] ?? OTHER;
  return { challenge: outcome.get("challenge"), says };
}

/** The providers; none if they cannot be listed: there are other ways to sign in. */
const providers = () => ask("GET", "/v1/auth/providers").then(({ items }) => items, () => []);

/** Shows a button for each provider. They are links, since the browser goes there. */
export async function offerProviders() {
  const all = await providers();
  byId("providers").hidden = !all.length;
  byId("provider-list").replaceChildren(...all.map(({ title, start }) =>
    element("li", {}, element("a", { class: "button", href: start }, `Continue with ${title}`))));
}

/** Shows what is linked to one's account, and what else can be. */
export async function showLinked(own) {
  const [{ items }, all] = await Promise.all([ask("GET", "/v1/auth/identities"), providers()]);
  byId("linked").hidden = !items.length && !all.length;
  byId("identities").replaceChildren(...items.map((identity) => linked(identity, own)));
  byId("no-identities").hidden = items.length > 0;
  byId("no-password").hidden = own.password;
  // What is linked is one's own account, so the password is asked for. Without one there is nothing to ask for.
  byId("link-providers").replaceChildren(...own.password ? all.map(linkButton) : [passwordButton(own.email)]);
}

function linked({ id, title, email, created_at: created }, own) {
  const remove = () => act(byId("linked-problem"), () => ask("DELETE", `/v1/auth/identities/${id}`)).then(async (isDone) => {
    if (!isDone) return;
    await showLinked(own);
    byId("linked-title").focus();
  });
  const about = [email, `linked ${since(created)}`].filter(Boolean).join(" · ");
  return element("li", {},
    element("span", {}, element("b", {}, title), element("span", { class: "quiet" }, ` ${about}`)),
    element("button", { type: "button", class: "small", click: remove, "aria-label": `Remove ${title} ${email}` }, "Remove"));
}

function linkButton({ name, title }) {
  const click = () => act(byId("linked-problem"), async () => {
    const { url } = await ask("POST", "/v1/auth/providers/link", { body: { provider: name } });
    location.assign(url);
  });
  return element("button", { type: "button", class: "small", click }, `Link ${title}`);
}

function passwordButton(email) {
  const click = () => act(byId("linked-problem"), async () => {
    await ask("POST", "/v1/auth/forgot", { body: { email } });
    toast("A mail is on its way. Its link works for an hour.");
  });
  return element("button", { type: "button", class: "small", click }, "Choose a password");
}

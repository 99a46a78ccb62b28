// What a person does by mail: a forgotten password, signing in by a link, confirming an address, accepting an invitation.

import { ask } from "./api.js";
import { byId, say } from "./element.js";
import { answer } from "./second-factor.js";

const card = byId("by-mail");
const problem = byId("by-mail-problem");
const password = byId("new-password");

/** What each link is for: what is said, and what is sent with its token. */
const LINKS = {
  verify: { title: "Confirm your address", act: "Confirm", path: "/v1/auth/verify", done: "Thank you." },
  reset: { title: "Choose a new password", act: "Save", path: "/v1/auth/reset", done: "Your password is changed: sign in with it." },
  link: { title: "Sign in", act: "Sign in", path: "/v1/auth/link/accept" },
  invitation: { title: "You are invited", act: "Accept", path: "/v1/invitations/accept", done: "You have joined: sign in to work there." },
};

/** The link that has opened the page, taken out of the address so that it stays in no history. */
export function linkFromMail() {
  const [page, query = ""] = location.hash.slice(1).split("?");
  const token = new URLSearchParams(query).get("token");
  if (!(page in LINKS) || !token) return null;
  history.replaceState(null, "", location.pathname);
  return { page, token };
}

/**
 * Asks before it uses the link, since programs that look for malware follow links, too. `who` is signed in, if somebody is. Gives the
 * session of a link that signs in.
 */
export function follow({ page, token }, who) {
  const { title, act, path, done } = LINKS[page];
  byId("by-mail-title").textContent = title;
  byId("by-mail-act").textContent = act;
  say(byId("by-mail-who"), who && `You are signed in as ${who}.`);
  if (page === "reset") askForPassword("New password");
  // It shows that the account is the person's who follows the link.
  else if (page === "verify") {
    askForPassword(who ? "Your password, if the address is a new one" : "Your password, if you have chosen one", false);
  }
  else askForPassword(null);
  card.hidden = false;
  (password.disabled ? byId("by-mail-act") : password).focus();
  return new Promise((then) => {
    card.addEventListener("submit", async (event) => {
      event.preventDefault();
      say(problem);
      try {
        const body = password.value ? { token, password: password.value } : { token };
        const session = await ask("POST", path, { body });
        then({ session, done: session ? null : done });
      } catch (refusal) {
        if (!refusal.challenge) {
          // Who is invited and has no account yet needs a password.
          if (page === "invitation" && refusal.status === 422) askForPassword("Choose a password");
          return say(problem, refusal.message);
        }
        answer(refusal.challenge).then((session) => then({ session }));
      }
      card.hidden = true;
      card.reset();
    });
  });
}

/** Shows the field of the password with this label, or hides it. */
function askForPassword(label, isNew = true) {
  byId("new-password-field").hidden = password.disabled = !label;
  byId("new-password-label").textContent = label;
  password.required = isNew;
  password.autocomplete = isNew ? "new-password" : "current-password";
  if (isNew) password.minLength = 8;
  else password.removeAttribute("minlength");
}

/** Has a mail sent to the address in the sign-in form. */
export function onAskForMail(told) {
  const asks = { forgot: "/v1/auth/forgot", "mail-link": "/v1/auth/link" };
  for (const [button, path] of Object.entries(asks)) {
    byId(button).addEventListener("click", async () => {
      const email = byId("email");
      if (!email.reportValidity()) return;
      try {
        await ask("POST", path, { body: { email: email.value } });
        told("If there is such an account, a mail is on its way. Its link works for an hour.");
      } catch (refusal) {
        told(refusal.message);
      }
    });
  }
}

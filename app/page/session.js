// The session: the sign-in form, the demo accounts, the organizations.

import { ask } from "./api.js";
import { byId, element, say } from "./element.js";
import { answer } from "./second-factor.js";

const form = byId("sign-in");
const problem = byId("sign-in-problem");
const choice = byId("switch");

/** Shows the form, and the reason to sign in again. */
export function showSignIn(why) {
  say(problem, why);
  byId("password").value = "";
  byId("email").focus();
}

/** Shows the user of the session; a user of only one organization has nothing to choose. */
export function showSession({ organization, organizations, user }) {
  byId("who").textContent = user.email;
  byId("organization").textContent = organization.name;
  byId("organization").hidden = organizations.length > 1;
  byId("switch-field").hidden = organizations.length < 2;
  choice.replaceChildren(...organizations.map(({ id, name }) => element("option", { value: id }, name)));
  choice.value = organization.id;
}

export const isSamePlace = (one, other) =>
  one.organization.id === other.organization.id && one.user.id === other.user.id;

export const onSwitch = (then) => choice.addEventListener("change", () => then(choice.value));
export const onSignOut = (then) => byId("sign-out").addEventListener("click", then);

export function onSignIn(then) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    say(problem);
    try {
      const body = { email: byId("email").value, password: byId("password").value };
      const session = await ask("POST", "/v1/auth/sign-in", { body });
      form.reset();
      await then(session);
    } catch (refusal) {
      if (refusal.challenge) return answer(refusal.challenge).then((session) => { form.reset(); then(session); });
      say(problem, refusal.message);
      byId("password").select();
    } finally {
      button.disabled = false;
    }
  });
}

/** Offers the demo accounts, if the service was started with demo data. */
export function offerDemo(demo) {
  byId("demo").hidden = !demo;
  if (!demo) return;
  byId("demo-password").textContent = demo.password;
  byId("demo-accounts").replaceChildren(...demo.accounts.map(({ email, says }) => {
    const fill = () => {
      byId("email").value = email;
      byId("password").value = demo.password;
      form.querySelector("button").focus();
    };
    const words = [element("span", {}, email), element("span", { class: "quiet" }, says)];
    return element("li", {}, element("button", { type: "button", click: fill }, words));
  }));
}

// Signing up: an account, and an organization that it owns.

import { onSubmit } from "./act.js";
import { ask } from "./api.js";
import { byId } from "./element.js";

const form = byId("sign-up");

/** Calls `then` with the session of a new account; with nothing where the address must be confirmed first. */
export function onSignUp(then) {
  let session;
  onSubmit("sign-up", async () => {
    const body = {
      email: byId("new-email").value, password: byId("first-password").value, organization: byId("new-organization").value,
    };
    session = await ask("POST", "/v1/auth/sign-up", { body });
  }, () => {
    form.reset();
    choose(false);
    then(session);
  });
}

/** Shows the form for a new account, or the one to sign in. */
export function choose(isNew) {
  form.hidden = !isNew;
  byId("sign-in").hidden = isNew;
  byId(isNew ? "new-email" : "email").focus();
}

byId("to-sign-up").addEventListener("click", () => choose(true));
byId("to-sign-in").addEventListener("click", () => choose(false));

// The second half of a sign-in: a code of an authenticator application, or a recovery code.

import { ask } from "./api.js";
import { byId, say } from "./element.js";

const form = byId("second-factor");
const code = byId("code");
const problem = byId("second-factor-problem");

let challenge = null;
let done = null;

/** Asks for a code; gives the session once a code was right. */
export function answer(next) {
  challenge = next;
  form.hidden = false;
  code.focus();
  return new Promise((then) => { done = then; });
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  say(problem);
  try {
    const session = await ask("POST", "/v1/auth/second-factor", { body: { challenge, code: code.value } });
    form.hidden = true;
    done(session);
  } catch (refusal) {
    say(problem, refusal.message);
    code.select();
  } finally {
    if (form.hidden) form.reset();
  }
});

// What a person does by a button or a form: a refusal is said beside it, and the password is asked for where it is needed.

import { ask } from "./api.js";
import { byId, element, say } from "./element.js";
import { toast } from "./toast.js";

const dialog = byId("prove");
const password = byId("prove-password");
const problem = byId("prove-problem");

/** Does the work; gives whether it is done. What refuses it is said in `place`. */
export async function act(place, work) {
  say(place);
  try {
    await work();
    return true;
  } catch (refusal) {
    if (refusal.kind === "password-required") return await isProven() && act(place, work);
    say(place, refusal.message);
    if (refusal.kind === "address-unconfirmed") place.append(" ", mailAgain());
    place.scrollIntoView({ block: "nearest" });
    return false;
  }
}

/** Does a form's work when it is submitted, then calls `done` with the form. */
export function onSubmit(id, work, done) {
  const form = byId(id);
  const place = byId(`${id}-problem`);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type=button])");
    button.disabled = true;
    const isDone = await act(place, work);
    button.disabled = false;
    if (isDone) await done?.(form);
  });
}

/** Mails the link that confirms the address once more. */
export function mailAgain() {
  const click = async () => {
    try {
      await ask("POST", "/v1/auth/verify/send");
      toast("A mail is on its way. Open its link in this browser.");
    } catch (refusal) {
      toast(refusal.message);
    }
  };
  return element("button", { type: "button", class: "small", click }, "Mail me the link");
}

/** Asks for the password once more; gives whether it was right, and not if the person cancels. */
function isProven() {
  say(problem);
  dialog.showModal();
  password.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      password.value = "";
      resolve(dialog.returnValue === "proven");
    }, { once: true });
  });
}

byId("prove-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  say(problem);
  try {
    await ask("POST", "/v1/auth/sudo", { body: { password: password.value } });
    dialog.close("proven");
  } catch (refusal) {
    say(problem, refusal.message);
    password.select();
  }
});
byId("prove-no").addEventListener("click", () => dialog.close("no"));
// Escape keeps the value of the last time.
dialog.addEventListener("cancel", () => { dialog.returnValue = "no"; });

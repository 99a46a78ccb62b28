// The page at /: sign-in, then what the user works with. No build step, no dependency; one module per topic.

import { accountOf, closeAccount, openAccount } from "./account.js";
import { ask, onLimited, onSessionEnd } from "./api.js";
import { onClosing } from "./closing.js";
// carve:if files
import { confirmed } from "./confirm.js";
// carve:end
import { byId } from "./element.js";
// carve:if files
import { closeFiles, openFiles } from "./files.js";
// carve:end
import { closeLimited, contactIs, isLimited, openLimited } from "./limited.js";
import { follow, linkFromMail, onAskForMail } from "./links.js";
// carve:if notifications
import { closeNotifications, openNotifications } from "./notifications.js";
// carve:end
import { closeOrganization, openOrganization } from "./organization.js";
// carve:if notifications
import { openPreferences } from "./preferences.js";
// carve:end
import { backFromProvider, offerProviders } from "./providers.js";
import { answer } from "./second-factor.js";
import { isSamePlace, offerDemo, onSignIn, onSignOut, onSwitch, showSession, showSignIn } from "./session.js";
import { onSignUp } from "./sign-up.js";
import { toast } from "./toast.js";
// carve:if files
import { dropUploads, uploadsUnderWay } from "./upload.js";
// carve:end
import { closeUsers, openUsers } from "./users.js";
import { closeViews, onView, openViews } from "./views.js";

let session = null;

/** Shows the content of a session, and nothing of the previous one. */
function enter(next) {
  closeAll();
  session = next;
  byId("signed-out").hidden = true;
  byId("signed-in").hidden = false;
  showSession(session);
  accountOf(session);
  if (isLimited(session)) return openLimited(session);
  // carve:if files
  openFiles();
  // carve:end
  openUsers();
  openViews();
  // carve:if notifications
  openNotifications();
  // carve:end
}

function leave(why) {
  closeAll();
  session = null;
  byId("signed-in").hidden = true;
  byId("signed-out").hidden = false;
  showSignIn(why);
  offerProviders();
}

function closeAll() {
  // carve:if files
  dropUploads();
  closeFiles();
  // carve:end
  closeUsers();
  closeViews();
  closeLimited();
  // carve:if notifications
  closeNotifications();
  // carve:end
}

onView("organization", { open: openOrganization, close: closeOrganization });
onView("account", {
  open: () => {
    openAccount();
    // carve:if notifications
    openPreferences();
    // carve:end
  },
  close: closeAccount,
});

/** Enters what the service says of the session now: a sign-in does not say whether the session is limited. */
const enterAgain = async () => enter(await ask("GET", "/v1/auth/session"));

// carve:if files
/** Uploads belong to the session that started them: leaving it cancels them. */
async function mayGo(action) {
  const left = uploadsUnderWay();
  const text = `${left === 1 ? "An upload is" : `${left} uploads are`} under way and would be interrupted.`;
  return !left || confirmed(`${action} now?`, text, action);
}

// carve:end
onSignIn(async () => {
  await enterAgain();
  // carve:if files
  byId("files").focus();
  // carve:end
});

onSignUp((next) => {
  if (!next) return toast("A mail is on its way: open its link, then sign in.");
  enter(next);
  toast("Welcome! A mail is on its way that confirms your address.");
});

onAskForMail(toast);

onSwitch(async (organization) => {
  // carve:if files
  if (!await mayGo("Switch")) return showSession(session);
  // carve:end
  try {
    await ask("POST", "/v1/auth/switch", { body: { organization } });
    await enterAgain();
  } catch (problem) {
    showSession(session);
    toast(problem.message);
  }
});

onSignOut(async () => {
  // carve:if files
  if (!await mayGo("Sign out")) return;
  // carve:end
  try {
    await ask("POST", "/v1/auth/sign-out");
    leave();
  } catch (problem) {
    if (session) toast(problem.message);
  }
});

onSessionEnd(() => { if (session) leave("Your session has ended: sign in again."); });

onClosing(enterAgain);
// Somebody else has closed the organization, an operator has suspended it, or it requires a second factor from now on.
onLimited(() => { if (session && !isLimited(session)) enterAgain().catch(() => {}); });

// Another tab may have switched or signed out meanwhile: all tabs share the cookie.
document.addEventListener("visibilitychange", async () => {
  if (!session || document.visibilityState !== "visible") return;
  const now = await ask("GET", "/v1/auth/session").catch(() => null);
  if (now && session && (!isSamePlace(now, session) || isLimited(now) !== isLimited(session))) enter(now);
});

// carve:if files
window.addEventListener("beforeunload", (event) => { if (uploadsUnderWay()) event.preventDefault(); });

// carve:end
try {
  const { signed_in: signedIn, demo, contact } = await ask("GET", "/page/start.json");
  contactIs(contact);
  offerDemo(demo);
  const back = backFromProvider(signedIn);
  const link = linkFromMail();
  if (back?.challenge) {
    leave();
    await answer(back.challenge);
    await enterAgain();
  } else if (link) {
    leave();
    const who = signedIn ? (await ask("GET", "/v1/auth/session")).user.email : null;
    const { session: byLink, done } = await follow(link, who);
    if (done) toast(done);
    if (byLink || (signedIn && link.page === "verify")) await enterAgain();
  } else if (signedIn) {
    await enterAgain();
    if (back) toast(back.says);
  } else leave(back?.says);
} catch (problem) {
  leave(problem.message);
}

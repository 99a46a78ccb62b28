// The page at /: sign-in, then what the user works with. No build step, no dependency; one module per topic.

import { accountOf, closeAccount, openAccount } from "./account.js";
import { ask, onClosed, onSessionEnd } from "./api.js";
import { closeClosed, onClosing, openClosed } from "./closing.js";
// carve:if files
import { confirmed } from "./confirm.js";
// carve:end
import { byId } from "./element.js";
// carve:if files
import { closeFiles, openFiles } from "./files.js";
// carve:end
import { follow, linkFromMail, onAskForMail } from "./links.js";
// carve:if notifications
import { closeNotifications, openNotifications } from "./notifications.js";
// carve:end
import { closeOrganization, openOrganization } from "./organization.js";
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
  if (session.organization.erased_at) return openClosed(session);
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
  closeClosed();
  // carve:if notifications
  closeNotifications();
  // carve:end
}

onView("organization", { open: openOrganization, close: closeOrganization });
onView("account", { open: openAccount, close: closeAccount });

// carve:if files
/** Uploads belong to the session that started them: leaving it cancels them. */
async function mayGo(action) {
  const left = uploadsUnderWay();
  const text = `${left === 1 ? "An upload is" : `${left} uploads are`} under way and would be interrupted.`;
  return !left || confirmed(`${action} now?`, text, action);
}

// carve:end
onSignIn((next) => {
  enter(next);
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
    enter(await ask("POST", "/v1/auth/switch", { body: { organization } }));
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

/** Enters what the service says of the session now. */
const enterAgain = async () => enter(await ask("GET", "/v1/auth/session"));

onClosing(enterAgain);
// Somebody else has closed the organization.
onClosed(() => { if (session && !session.organization.erased_at) enterAgain().catch(() => {}); });

// Another tab may have switched or signed out meanwhile: all tabs share the cookie.
document.addEventListener("visibilitychange", async () => {
  if (!session || document.visibilityState !== "visible") return;
  const now = await ask("GET", "/v1/auth/session").catch(() => null);
  if (now && session && !isSamePlace(now, session)) enter(now);
});

// carve:if files
window.addEventListener("beforeunload", (event) => { if (uploadsUnderWay()) event.preventDefault(); });

// carve:end
try {
  const { signed_in: signedIn, demo } = await ask("GET", "/page/start.json");
  offerDemo(demo);
  const back = backFromProvider(signedIn);
  const link = linkFromMail();
  if (back?.challenge) {
    leave();
    enter(await answer(back.challenge));
  } else if (link) {
    leave();
    const who = signedIn ? (await ask("GET", "/v1/auth/session")).user.email : null;
    const { session: byLink, done } = await follow(link, who);
    if (done) toast(done);
    if (byLink) enter(byLink);
    else if (signedIn && link.page === "verify") enter(await ask("GET", "/v1/auth/session"));
  } else if (signedIn) {
    enter(await ask("GET", "/v1/auth/session"));
    if (back) toast(back.says);
  } else leave(back?.says);
} catch (problem) {
  leave(problem.message);
}

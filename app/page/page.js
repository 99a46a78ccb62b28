// The page at /: sign-in, then users, files and notifications. No build step, no dependency; one module per topic.

import { ask, onSessionEnd } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId } from "./element.js";
import { closeFiles, openFiles } from "./files.js";
import { closeNotifications, openNotifications } from "./notifications.js";
import { isSamePlace, offerDemo, onSignIn, onSignOut, onSwitch, showSession, showSignIn } from "./session.js";
import { toast } from "./toast.js";
import { dropUploads, uploadsUnderWay } from "./upload.js";
import { closeUsers, openUsers } from "./users.js";

let session = null;

/** Shows the content of a session, and nothing of the previous one. */
function enter(next) {
  closeAll();
  session = next;
  byId("signed-out").hidden = true;
  byId("signed-in").hidden = false;
  showSession(session);
  openFiles();
  openUsers();
  openNotifications();
}

function leave(why) {
  closeAll();
  session = null;
  byId("signed-in").hidden = true;
  byId("signed-out").hidden = false;
  showSignIn(why);
}

function closeAll() {
  dropUploads();
  closeFiles();
  closeUsers();
  closeNotifications();
}

/** Uploads belong to the session that started them: leaving it cancels them. */
async function mayGo(action) {
  const left = uploadsUnderWay();
  const text = `${left === 1 ? "An upload is" : `${left} uploads are`} under way and would be interrupted.`;
  return !left || confirmed(`${action} now?`, text, action);
}

onSignIn((next) => {
  enter(next);
  byId("files").focus();
});

onSwitch(async (organization) => {
  if (!await mayGo("Switch")) return showSession(session);
  try {
    enter(await ask("POST", "/v1/auth/switch", { body: { organization } }));
  } catch (problem) {
    showSession(session);
    toast(problem.message);
  }
});

onSignOut(async () => {
  if (!await mayGo("Sign out")) return;
  try {
    await ask("POST", "/v1/auth/sign-out");
    leave();
  } catch (problem) {
    if (session) toast(problem.message);
  }
});

onSessionEnd(() => { if (session) leave("Your session has ended: sign in again."); });

// Another tab may have switched or signed out meanwhile: all tabs share the cookie.
document.addEventListener("visibilitychange", async () => {
  if (!session || document.visibilityState !== "visible") return;
  const now = await ask("GET", "/v1/auth/session").catch(() => null);
  if (now && session && !isSamePlace(now, session)) enter(now);
});

window.addEventListener("beforeunload", (event) => { if (uploadsUnderWay()) event.preventDefault(); });

try {
  const { signed_in: signedIn, demo } = await ask("GET", "/page/start.json");
  offerDemo(demo);
  if (signedIn) enter(await ask("GET", "/v1/auth/session"));
  else leave();
} catch (problem) {
  leave(problem.message);
}

// Renews what the page shows every three seconds, without a jump: the server writes the page, this swaps it in.

const EVERY = 3000;
const button = document.getElementById("live");
const KEPT = "tenfold.console.paused";
let paused = sessionStorage.getItem(KEPT) === "yes";

/** Whoever reads an opened part, selects text or is about to press something must not lose it. */
const isBusy = () =>
  document.hidden || document.querySelector("main details[open], main iframe") !== null ||
  document.querySelector("main :focus-visible, main button:hover") !== null || !getSelection().isCollapsed;

function show() {
  button.setAttribute("aria-pressed", String(!paused));
  button.textContent = paused ? "Paused" : "Live";
}

async function renew() {
  if (paused || isBusy()) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    // Signed out meanwhile, or gone: the page says so better than this can.
    if (answer.redirected) location.reload();
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (fresh && !paused && !isBusy()) document.querySelector("main").replaceWith(fresh);
  } catch {
    button.textContent = "Cannot reach the server";
    return;
  }
  show();
}

if (button) {
  button.addEventListener("click", () => {
    paused = !paused;
    sessionStorage.setItem(KEPT, paused ? "yes" : "no");
    show();
  });
  show();
  setInterval(renew, EVERY);
}

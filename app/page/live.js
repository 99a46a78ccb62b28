// What this tab shows stays true: one stream, over which the service says what to fetch again.

import { listen } from "./api.js";

// By the path that is shown.
const shown = new Map();
let stop = null;
let isChanging = false;

/**
 * Shows a resource: `fetchAgain` is called soon, and whenever the answer to a GET of the path is another one. Gives a
 * function that ends it.
 */
export function show(path, fetchAgain) {
  shown.set(path, fetchAgain);
  change();
  return () => {
    if (shown.get(path) === fetchAgain) shown.delete(path);
    change();
  };
}

/** Opens the stream once for all that is shown and hidden together. */
function change() {
  if (isChanging) return;
  isChanging = true;
  queueMicrotask(() => {
    isChanging = false;
    attend();
  });
}

/** Listens while the tab is visible: a browser opens six connections to an HTTP/1.1 server, for all tabs together. */
function attend() {
  stop?.();
  stop = null;
  if (!shown.size || document.visibilityState !== "visible") return;
  const query = new URLSearchParams([...shown.keys()].map((path) => ["watch", path]));
  const again = (paths) => paths.forEach((path) => shown.get(path)?.());
  // Without the stream the lists show what is there, or why not.
  const refused = () => again([...shown.keys()]);
  stop = listen(`/v1/live?${query}`, { changed: ({ watch }) => again(watch) }, { refused });
}

document.addEventListener("visibilitychange", attend);

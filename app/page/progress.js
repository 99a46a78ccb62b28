// The progress of processing, live: a few files at once, the others wait.

import { listen } from "./api.js";

// As with uploads: each stream holds one of the browser's six connections.
const AT_ONCE = 2;

let waiting = [];
const running = new Map();

/** Watches a file until it is done: `progress({percent, message})`, `done(file)`, or `gone()`: query its state. */
export function watch(id, heard) {
  if (running.has(id) || waiting.some((item) => item.id === id)) return;
  waiting.push({ id, heard });
  begin();
}

/** Stops watching a file. */
export function unwatch(id) {
  waiting = waiting.filter((item) => item.id !== id);
  running.get(id)?.();
  running.delete(id);
  begin();
}

export function unwatchAll() {
  waiting = [];
  for (const id of [...running.keys()]) unwatch(id);
}

function begin() {
  while (running.size < AT_ONCE && waiting.length) {
    const { id, heard } = waiting.shift();
    const done = (file) => { unwatch(id); heard.done(file); };
    const gone = () => { unwatch(id); heard.gone(); };
    const stream = listen(`/v1/files/${id}/events`, { progress: heard.progress, ready: done, failed: done }, { gone });
    running.set(id, stream);
  }
}

// Uploads: a few at once, the others wait their turn. XMLHttpRequest, since fetch does not tell how far it is.

import { Problem, problemOf } from "./api.js";

// A browser keeps six connections to a server of HTTP/1.1, and live streams need some of them.
const AT_ONCE = 2;
const BROKEN = { title: "The upload was interrupted", detail: "the service cannot be reached, or the file cannot be read" };

let waiting = [];
const running = new Set();

export const uploadsUnderWay = () => waiting.length + running.size;

/**
 * Uploads a file when it is its turn. `heard` has `sent(percent)`, `accepted(id)` and `refused(problem)`, one of the
 * last two once. Gives a function that breaks the upload off, after which nothing more is heard.
 */
export function upload(file, heard) {
  const item = { file, heard };
  waiting.push(item);
  begin();
  return () => {
    waiting = waiting.filter((other) => other !== item);
    item.request?.abort();
  };
}

/** Breaks all uploads off. */
export function dropUploads() {
  waiting = [];
  for (const item of [...running]) item.request.abort();
}

function begin() {
  while (running.size < AT_ONCE && waiting.length) send(waiting.shift());
}

function send(item) {
  const request = item.request = new XMLHttpRequest();
  const over = (then) => () => {
    running.delete(item);
    begin();
    then?.();
  };
  request.open("POST", `/v1/files?${new URLSearchParams({ name: item.file.name })}`);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.addEventListener("progress", ({ loaded, total }) => item.heard.sent(total ? 100 * loaded / total : 0));
  request.addEventListener("load", over(() => {
    if (request.status === 202) item.heard.accepted(JSON.parse(request.responseText).id);
    else item.heard.refused(problemOf(request.status, request.responseText));
  }));
  request.addEventListener("error", over(() => item.heard.refused(new Problem(0, BROKEN))));
  request.addEventListener("abort", over());
  running.add(item);
  item.heard.sent(0);
  request.send(item.file);
}

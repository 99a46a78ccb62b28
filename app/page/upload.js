// Uploads: a few at once, the others wait. XMLHttpRequest, since fetch does not report upload progress.

import { Problem, problemOf } from "./api.js";

// A browser opens six connections to an HTTP/1.1 server, and live streams need some of them.
const AT_ONCE = 2;
const BROKEN = { title: "The upload was interrupted", detail: "the service cannot be reached, or the file cannot be read" };

let waiting = [];
const running = new Set();

export const uploadsUnderWay = () => waiting.length + running.size;

/**
 * Uploads a file when its turn comes. `heard` has `sent(percent)`, `accepted(id)` and `refused(problem)`; one of the
 * last two is called once. Returns a function that cancels the upload, after which nothing more is called.
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

/** Cancels all uploads. */
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

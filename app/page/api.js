// Calls to the API. The session is in a cookie that scripts cannot read; the browser sends it by itself.

/** An error response of the service (RFC 9457). */
export class Problem extends Error {
  constructor(status, { type, title, detail, challenge } = {}) {
    super([title ?? `The service answers ${status}`, detail].filter(Boolean).join(": "));
    this.status = status;
    /** The last part of its type, such as `not-found`. */
    this.kind = type?.split(":").at(-1);
    /** What a sign-in waits for the second factor with. */
    this.challenge = challenge;
  }
}

/** There was no answer. */
export const unreachable = () => new Problem(0, { title: "The service cannot be reached" });

const ended = new EventTarget();

/** Calls `then` when the service says that the session has ended. */
export const onSessionEnd = (then) => ended.addEventListener("ended", then);

const LIMITS = ["organization-closed", "organization-suspended", "second-factor-setup-required"];

/** Calls `then` when the service says that the session reaches only the person's own account. */
export const onLimited = (then) => ended.addEventListener("limited", then);

/** Parses a problem from an answer's text; notifies the listeners if it means that the session has ended. */
export function problemOf(status, text) {
  let body = {};
  try { body = JSON.parse(text); } catch { /* a proxy's page, say */ }
  if (status === 401 && body.type?.endsWith(":unauthenticated")) ended.dispatchEvent(new Event("ended"));
  if (LIMITS.includes(body.type?.split(":").at(-1))) ended.dispatchEvent(new Event("limited"));
  return new Problem(status, body);
}

/** Sends a request; returns the answer's JSON, and passes its cost to `cost`. Rejects with a Problem. */
export async function ask(method, path, { body, cost, signal } = {}) {
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  const request = { method, headers, body: body && JSON.stringify(body), signal };
  const answer = await fetch(path, request).catch((error) => {
    throw error.name === "AbortError" ? error : unreachable();
  });
  const text = await answer.text();
  if (!answer.ok) throw problemOf(answer.status, text);
  cost?.(costOf(answer.headers.get("Server-Timing") ?? ""));
  return text ? JSON.parse(text) : null;
}

/** Statements and milliseconds from Server-Timing; null if the service does not send it. */
function costOf(timing) {
  const statements = /statements=(\d+)/.exec(timing);
  const total = /total;dur=([\d.]+)/.exec(timing);
  return statements && total ? { statements: Number(statements[1]), milliseconds: Number(total[1]) } : null;
}

/**
 * Listens to a stream of events and continues after the last event when the connection breaks. The browser reconnects
 * by itself; where it gives up (any answer but 200) this calls `refused` and retries later, or reports that the session
 * has ended.
 */
export function listen(path, listeners, { refused } = {}) {
  let source, retry;
  const open = () => {
    source = new EventSource(path);
    for (const [name, listener] of Object.entries(listeners)) {
      source.addEventListener(name, (event) => listener(JSON.parse(event.data)));
    }
    source.addEventListener("error", () => {
      if (source.readyState !== EventSource.CLOSED) return;
      refused?.();
      retry = setTimeout(reopen, 5_000);
    });
  };
  const reopen = () => ask("GET", "/v1/auth/session").then(open, (problem) => {
    if (problem.status !== 401) retry = setTimeout(reopen, 5_000);
  });
  const close = () => { clearTimeout(retry); source.close(); };
  open();
  return close;
}

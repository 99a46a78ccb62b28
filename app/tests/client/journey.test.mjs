// What the TypeScript client promises, from Node, against the running application: `.ci/client` starts it.

import assert from "node:assert/strict";
import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { after, before, test as nodeTest } from "node:test";
import { fileURLToPath } from "node:url";
import { ConnectionError, ProblemError, createClient, isProblem, tokenInMemory } from "./api.js";
import { relay } from "./relay.mjs";
import { baseUrl, port, start, stop } from "./server.mjs";

const PASSWORD = "tenfold-demo";
const person = (name) => ({ body: { email: `${name}@acme.test`, password: PASSWORD } });
const test = (name, run) => nodeTest(name, { timeout: 30_000 }, run);

before(start);
after(stop);

async function signedIn(options = {}) {
  const api = createClient({ baseUrl, ...options });
  await api.signIn(person("owner"));
  return api;
}

test("sign-up keeps the token, and sign-out forgets it", async () => {
  const session = tokenInMemory();
  const api = createClient({ baseUrl, session });
  const email = `ada-${Date.now()}@new.test`;
  const { user } = await api.signUp({ body: { email, password: "correct horse battery", organization: "Engines" } });
  assert.equal(user.email, email);
  assert.equal((await api.currentSession()).user.id, user.id);
  await api.signOut();
  assert.equal(session.get(), undefined);
  await assert.rejects(api.currentSession(), (error) => isProblem(error, "unauthenticated"));
});

test("a wrong password is a typed problem", async () => {
  let ended = 0;
  const api = createClient({ baseUrl, onSessionEnd: () => (ended += 1) });
  const result = await api.signIn({ body: { email: "owner@acme.test", password: "wrong" } }).result();
  assert(!result.ok);
  assert.equal(result.problem.status, 401);
  assert.equal(result.problem.code, "wrong-credentials");
  assert.match(result.problem.requestId, /./);
  assert.equal(ended, 0, "nobody was signed in");
});

test("an invalid body says each fault", async () => {
  const api = await signedIn();
  const error = await api.createProject({ body: { name: "" } }).catch((error) => error);
  assert(error instanceof ProblemError);
  assert.deepEqual([error.status, error.problem.errors[0].pointer], [422, "#/name"]);
});

test("a session that ended is told once for the token", async () => {
  const told = [];
  const session = tokenInMemory("no such token");
  const api = createClient({ baseUrl, session, onSessionEnd: (problem) => told.push(problem.code) });
  const refused = await Promise.all([api.listUsers().result(), api.listFiles().result(), api.listProjects().result()]);
  assert(refused.every((result) => !result.ok && result.problem.status === 401));
  assert.deepEqual([told, session.get()], [["unauthenticated"], undefined]);
});

test("a session by cookie sends no token", async () => {
  let cookie;
  const browser = async (url, init) => {
    assert.equal(init.credentials, "include");
    assert.equal(init.headers.get("Authorization"), null);
    if (cookie) init.headers.set("Cookie", cookie);
    const answer = await fetch(url, init);
    cookie = answer.headers.get("Set-Cookie")?.split(";")[0] ?? cookie;
    return answer;
  };
  const api = await signedIn({ session: "cookie", fetch: browser });
  assert.equal((await api.currentSession()).user.email, "owner@acme.test");
});

test("for await goes through all pages, in order", async () => {
  const api = await signedIn();
  const emails = [];
  for await (const user of api.listUsers({ limit: 300 })) emails.push(user.email);
  assert(emails.length >= 1000, `${emails.length} users`);
  assert.deepEqual(emails, [...new Set(emails)].sort());
  const sizes = [];
  for await (const page of api.listUsers({ limit: 300 }).pages()) sizes.push(page.items.length);
  assert.equal(sizes.length, Math.ceil(emails.length / 300));
  const first = await api.listUsers({ limit: 3 });
  assert.deepEqual(first.items.map(({ email }) => email), emails.slice(0, 3));
});

test("breaking off a list asks for no further page", async () => {
  let calls = 0;
  const api = await signedIn({ fetch: (url, init) => ((calls += 1), fetch(url, init)) });
  for await (const _ of api.listUsers({ limit: 2 })) if (calls === 3) break;
  assert.equal(calls, 3);
});

test("a patch changes what it names, and an old version is refused", async () => {
  const api = await signedIn();
  const created = await api.createProject({ body: { name: "Engine" } }).withResponse();
  const ifMatch = created.response.headers.get("ETag");
  const { id } = created.data;
  assert.equal((await api.patchProject({ id, ifMatch, body: { name: "Difference engine" } })).name, "Difference engine");
  const second = await api.patchProject({ id, ifMatch, body: { name: "Late" } }).result();
  assert.equal(second.ok ? 200 : second.problem.status, 412);
  assert.equal((await api.getProject({ id })).name, "Difference engine");
});

test("an upload tells its progress, and what arrives is what was sent", async () => {
  const api = await signedIn();
  const bytes = new Uint8Array(1_000_000).map((_, index) => index % 251);
  const told = [];
  const onProgress = ({ sent, total }) => told.push([sent, total]);
  const { id } = await api.uploadFile({ name: "numbers.bin", body: new Blob([bytes]) }, { onProgress });
  assert.deepEqual([told.at(0), told.at(-1)], [[0, 1_000_000], [1_000_000, 1_000_000]]);
  assert(told.length >= 5, `told ${told.length} times`);
  assert(told.every(([sent], index) => index === 0 || sent >= told[index - 1][0]), "it goes back");
  const content = await api.fileContent({ id });
  assert.deepEqual(new Uint8Array(await content.arrayBuffer()), bytes);
  const part = await api.fileContent({ id, range: "bytes=0-2" });
  assert.deepEqual([part.status, [...new Uint8Array(await part.arrayBuffer())]], [206, [0, 1, 2]]);
  await api.deleteFile({ id });
});

test("a file on disk is an upload", async () => {
  const api = await signedIn();
  const script = fileURLToPath(import.meta.url);
  const { id } = await api.uploadFile({ name: "script.js", body: await openAsBlob(script) });
  const content = await api.fileContent({ id });
  assert.equal(await content.text(), await readFile(script, "utf8"));
  await api.deleteFile({ id });
});

test("where fetch cannot stream, an upload tells its start and its end", async (t) => {
  const api = await signedIn();
  globalThis.document = {};
  t.after(() => delete globalThis.document);
  const told = [];
  const body = new Blob([new Uint8Array(1_000_000)]);
  const { id } = await api.uploadFile({ name: "blank.bin", body }, { onProgress: ({ sent }) => told.push(sent) });
  assert.deepEqual(told, [0, 1_000_000]);
  await api.deleteFile({ id });
});

test("what is too large is refused before it is sent", async () => {
  const api = await signedIn();
  let sent = 0;
  const body = new Blob([new Uint8Array(8 * 1024 * 1024)]);
  const onProgress = (progress) => (sent = progress.sent);
  const result = await api.uploadFile({ name: "large.bin", body }, { onProgress }).result();
  assert.equal(result.ok ? 202 : result.problem.code, "too-large");
  assert(sent < body.size, `${sent} bytes were sent`);
});

test("an upload goes through the transport that was given", async () => {
  const told = [];
  const upload = async ({ method, url, headers, body, signal }, onProgress) => {
    onProgress(1);
    return fetch(url, { method, headers, body, signal });
  };
  const api = await signedIn({ upload });
  const { id } = await api.uploadFile({ name: "a.txt", body: "abc" }, { onProgress: ({ sent }) => told.push(sent) });
  assert.deepEqual(told, [0, 1, 3]);
  await api.deleteFile({ id });
});

test("an upload that was cut is not repeated, and says so", async () => {
  const own = await relay(port);
  const api = await signedIn({ baseUrl: own.url });
  own.cutAfter(300_000);
  const body = new Blob([new Uint8Array(2_000_000)]);
  await assert.rejects(api.uploadFile({ name: "cut.bin", body }, { onProgress() {} }), ConnectionError);
  own.cutAfter(Infinity);
  const names = [];
  for await (const file of api.listFiles()) names.push(file.name);
  assert(!names.includes("cut.bin"));
  const { id } = await api.uploadFile({ name: "cut.bin", body });
  await api.deleteFile({ id });
  own.close();
});

test("a stream is followed until the file is ready, and ends", async () => {
  const api = await signedIn();
  const { id } = await api.uploadFile({ name: "people.csv", body: "name,year\nAda,1843\n" });
  const events = [];
  for await (const event of api.fileEvents({ id })) events.push(event);
  const { event, data } = events.at(-1);
  assert.deepEqual([event, data.id, data.facts.rows], ["ready", id, 1]);
  for await (const event of api.fileEvents({ id }, { lastEventId: events.at(-1).id })) assert.fail(event);
});

test("a stream goes on after its connection was cut", async () => {
  const own = await relay(port);
  const api = await signedIn({ baseUrl: own.url });
  const stop = new AbortController();
  const [titles, reasons] = [[], []];
  const upload = (name) => api.uploadFile({ name, body: name });
  const options = { signal: stop.signal, onReconnect: (reason) => reasons.push(reason) };
  for await (const { event, data } of api.notificationEvents({}, options)) {
    if (event === "unread" && titles.length === 0) await upload("first.txt");
    if (event !== "notification" || !["first.txt", "second.txt"].includes(data.body)) continue;
    titles.push(data.body);
    if (titles.length === 2) stop.abort();
    else {
      own.cut();
      // It comes while nobody listens.
      await createdElsewhere(() => upload("second.txt"));
    }
  }
  own.close();
  assert.deepEqual(titles, ["first.txt", "second.txt"]);
  assert(reasons.length >= 1 && reasons.every((reason) => reason === undefined || reason instanceof ConnectionError));
});

/** A cut connection may be the one that a pool would use next: then the call has no answer, and was not sent. */
async function createdElsewhere(call) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
    }
  }
}

test("a stream goes on after the server was started again", async () => {
  const api = await signedIn();
  const reasons = [];
  const bodies = [];
  const stream = api.notificationEvents({}, { onReconnect: (reason) => reasons.push(reason) });
  for await (const { event, data } of stream) {
    if (event === "unread" && bodies.length === 0) await api.uploadFile({ name: "before.txt", body: "before" });
    if (event !== "notification" || !["before.txt", "after.txt"].includes(data.body)) continue;
    bodies.push(data.body);
    if (bodies.length === 2) break;
    await stop();
    await start();
    await createdElsewhere(() => api.uploadFile({ name: "after.txt", body: "after" }));
  }
  assert.deepEqual(bodies, ["before.txt", "after.txt"]);
  assert(reasons.length >= 1);
});

test("a stream is refused when the session is over", async () => {
  const api = await signedIn();
  const token = tokenInMemory();
  const other = await signedIn({ session: token });
  const seen = [];
  await assert.rejects(async () => {
    for await (const { event } of other.notificationEvents()) {
      seen.push(event);
      const ended = createClient({ baseUrl, session: tokenInMemory(token.get()) });
      await ended.signOut();
    }
  }, (error) => isProblem(error, "unauthenticated"));
  assert.deepEqual(seen, ["unread"]);
  await api.signOut();
});

test("an aborted call rejects with the reason of its signal", async () => {
  const api = await signedIn();
  const stop = new AbortController();
  const call = api.listUsers({ limit: 1000 }, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await assert.rejects(call, { message: "enough" });
});

test("a call that takes too long has no answer", async () => {
  let calls = 0;
  const never = (_, { signal }) =>
    new Promise((_, reject) => {
      calls += 1;
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const api = createClient({ baseUrl, fetch: never, timeout: 30 });
  await assert.rejects(api.healthz(), (error) => error instanceof ConnectionError && error.isTimeout);
  assert.equal(calls, 1, "what took too long is not asked again");
});

test("a read is repeated after Retry-After, and a write is not", async () => {
  const calls = [];
  const busy = (url, init) => {
    calls.push(init.method);
    if (calls.length > 1 && init.method === "GET") return fetch(url, init);
    const problem = { type: "urn:tenfold:problem:overloaded", title: "The service is busy", status: 503 };
    const headers = { "Content-Type": "application/problem+json", "Retry-After": "0" };
    return new Response(JSON.stringify(problem), { status: 503, headers });
  };
  const api = createClient({ baseUrl, fetch: busy });
  assert.equal((await api.healthz()).status, "ok");
  await assert.rejects(api.signIn(person("owner")), (error) => isProblem(error, "overloaded"));
  assert.deepEqual(calls, ["GET", "GET", "POST"]);
});

test("a wait that is too long is left to the caller", async () => {
  let calls = 0;
  const busy = () => ((calls += 1), new Response("", { status: 429, headers: { "Retry-After": "3600" } }));
  const api = createClient({ baseUrl, fetch: busy });
  const error = await api.healthz().catch((error) => error);
  assert.deepEqual([error.status, error.retryAfter, calls], [429, 3_600_000, 1]);
});

test("a read is repeated when there was no answer", async () => {
  let calls = 0;
  const api = createClient({
    baseUrl,
    fetch: (url, init) => ((calls += 1) === 1 ? Promise.reject(new TypeError("fetch failed")) : fetch(url, init)),
  });
  assert.equal((await api.readyz()).status, "ok");
  assert.equal(calls, 2);
});

test("events are read whatever pieces they come in", async () => {
  const text = "\uFEFF: hello\r\nretry: 5\r\n\r\nid: 1\r\nevent: unread\r\ndata: {\"unread\":\r\ndata: 7}\r\n\r\nid: é\ndata: x\n\n:end\n\n";
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const pieces = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
    const body = ReadableStream.from(pieces);
    const api = createClient({ baseUrl, fetch: async () => new Response(body) });
    const events = [];
    for await (const event of api.notificationEvents()) events.push(event);
    const expected = [{ id: "1", event: "unread", data: { unread: 7 } }, { id: "é", event: "message", data: "x" }];
    assert.deepEqual(events, expected, `in pieces of ${size}`);
  }
});

test("a path cannot lead to another operation", async () => {
  const api = await signedIn();
  for (const id of ["", ".", ".."]) assert.throws(() => api.getUser({ id }), TypeError);
  await assert.rejects(api.getUser({ id: "../projects?x=" }), { status: 400 });
});

test("a metrics text is text", async () => {
  const metrics = await createClient({ baseUrl }).metrics();
  assert.match(metrics, /^# HELP/m);
});


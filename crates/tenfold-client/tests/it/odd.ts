/* eslint-disable */
// Written by `client ts` from the OpenAPI document of odd 9. Do not edit it: write it again.

/** A client of odd 9: `const api = createClient({ baseUrl: "https://api.example.com" })`. */
export type Client = ReturnType<typeof createClient>;

/** Makes a client. Each operation is a function by its name in the API's document. */
export function createClient(options: ClientOptions = {}) {
  const connection = new Connection(options);
  return {
    /** `GET /any` */
    anyEvent: (_args: NoArgs = {}, options?: StreamOptions) =>
      stream<{ event: string; data: unknown }>(connection, options, {
        method: "GET",
        path: "/any",
        accept: "text/event-stream",
        session: "needed",
      }),

    /** `PATCH /forms` */
    patchPicture: (args: PatchPictureArgs = {}, options?: UploadOptions) =>
      upload<Response, number>(connection, options, args.body ?? "", {
        method: "PATCH",
        path: "/forms",
        type: "application/octet-stream",
        accept: "image/png",
        read: "response",
        session: "needed",
      }),

    /** `POST /forms` */
    postForm: (args: PostFormArgs, options?: CallOptions) =>
      call<BookEntry, number>(connection, options, {
        method: "POST",
        path: "/forms",
        body: args.body,
        accept: "application/json",
        session: "needed",
      }),

    /** `PUT /forms` */
    putForm: (args: PutFormArgs = {}, options?: CallOptions) =>
      call<void, number>(connection, options, {
        method: "PUT",
        path: "/forms",
        body: args.body,
        read: "nothing",
        session: "needed",
      }),

    /** `GET /list` */
    list: (args: ListArgs = {}, options?: CallOptions) =>
      list<string | null, Paged & {
        items: (string | null)[];
      }, number>(connection, options, {
        method: "GET",
        path: "/list",
        query: { cursor: args.cursor },
        accept: "application/json",
        session: "needed",
      }),

    /** `GET /one` */
    oneEvent: (_args: NoArgs = {}, options?: StreamOptions) =>
      stream<{
        data: number;
        event: "tick";
      }>(connection, options, {
        method: "GET",
        path: "/one",
        accept: "text/event-stream",
        session: "needed",
      }),

    /** `DELETE /shelves/{shelf}/books/{book}` */
    deleteShelvesShelfBooksBook: (args: DeleteShelvesShelfBooksBookArgs, options?: CallOptions) =>
      call<string, number>(connection, options, {
        method: "DELETE",
        path: `/shelves/${segment(args.shelf)}/books/${segment(args.book)}`,
        accept: "text/plain; charset=utf-8",
        read: "text",
      }),

    /**
     * Ends a comment: *\/ and goes on.
     *
     * `GET /shelves/{shelf}/books/{book}`
     *
     * @deprecated
     */
    getBook: (args: GetBookArgs, options?: CallOptions) =>
      call<Tree | Shape | null | undefined, 404>(connection, options, {
        method: "GET",
        path: `/shelves/${segment(args.shelf)}/books/${segment(args.book)}`,
        query: { book: args.queryBook, body: args.queryBody, tag: args.tag, "sort[by]": args.sortBy?.join(",") },
        headers: { "X-Trace": args.xTrace },
        accept: "application/json",
        session: "needed",
      }),

    /** `PUT /shelves/{shelf}/books/{book}` */
    class: (args: ClassArgs, options?: CallOptions) =>
      call<void, number>(connection, options, {
        method: "PUT",
        path: `/shelves/${segment(args.shelf)}/books/${segment(args.book)}`,
        body: JSON.stringify(args.body),
        type: "application/json",
        read: "nothing",
        session: "optional",
      }),

    /** `GET /then` */
    then2: (_args: NoArgs = {}, options?: CallOptions) =>
      call<unknown, number>(connection, options, {
        method: "GET",
        path: "/then",
        accept: "application/json",
      }),

    /** `HEAD /then` */
    getBook2: (_args: NoArgs = {}, options?: CallOptions) =>
      call<Response, number>(connection, options, {
        method: "HEAD",
        path: "/then",
        accept: "*/*",
        read: "response",
        session: "needed",
      }),
  };
}

// ---- Types --------------------------------------------------------------------------------------------------------

/** A text that is the id of something. Ids of different things are not assignable to each other, and texts are to all. */
type Id<Name extends string> = string & { readonly __id?: Name };

/** A book. */
export interface BookEntry {
  "1"?: number | undefined;
  "__proto__"?: string | undefined;
  "a-b"?: string | undefined;
  /** @deprecated */
  class: "x";
}

export type BookId = Id<"BookId">;

export type BookEntry2 = { [key: string]: number };

export type Colour = "red" | "dark \"red\"" | "blue";

export interface Paged {
  next_cursor?: string | null | undefined;
}

export interface Problem {
  status: number;
  title: string;
  type: string;
}

export interface Response2 {
  known?: string | undefined;
  [key: string]: string | number | undefined;
}

export type Shape = {
  kind: "circle";
  radius: number;
} | {
  corners: ([number, number])[];
  kind: "polygon";
};

export interface Tree {
  anything?: unknown;
  children: Tree[];
  /** A reference with words beside it. */
  extra: BookEntry2;
  free: { [key: string]: unknown };
  list?: {
    deep?: boolean | undefined;
  }[] | null | undefined;
  names: { [key: string]: Tree };
  none: { [key: string]: never };
  pairs: (string | number)[];
}

/** What `patchPicture` takes. */
export interface PatchPictureArgs {
  body?: Bytes | undefined;
}

/** What `postForm` takes. */
export interface PostFormArgs {
  body: FormData;
}

/** What `putForm` takes. */
export interface PutFormArgs {
  body?: URLSearchParams | undefined;
}

/** What `list` takes. */
export interface ListArgs {
  cursor?: string | undefined;
}

/** What `deleteShelvesShelfBooksBook` takes. */
export interface DeleteShelvesShelfBooksBookArgs {
  /** Which shelf. */
  shelf: number;
  book: BookId;
}

/** What `getBook` takes. */
export interface GetBookArgs {
  /** Which shelf. */
  shelf: number;
  book: BookId;
  queryBook?: boolean | undefined;
  queryBody?: 1 | 2 | null | undefined;
  tag?: string[] | undefined;
  sortBy?: Colour[] | undefined;
  xTrace: number;
}

/** What `class` takes. */
export interface ClassArgs {
  /** Which shelf. */
  shelf: number;
  book: BookId;
  body?: Response2 | undefined;
}

type NoArgs = { [key: string]: never };

// ---- Options ------------------------------------------------------------------------------------------------------

/** What a client is made with. */
export interface ClientOptions {
  /** Where the API is, such as `https://api.example.com`. Without it: where the page comes from. */
  baseUrl?: string | undefined;
  /**
   * How a call says who is signed in. A store keeps the token, which is sent as `Authorization: Bearer`; without one,
   * this client keeps it in memory. `"cookie"` leaves it to the browser's cookie, which scripts cannot read: for a
   * page of the service's own site.
   */
  session?: "cookie" | TokenStore | undefined;
  /** Called when the service answers 401 to a call that needs a session: ask the user to sign in. */
  onSessionEnd?: ((problem: ProblemError) => void) | undefined;
  /** Headers of every call. */
  headers?: Record<string, string> | undefined;
  /** Milliseconds that one attempt may take: 30,000 if not given. Uploads, bytes and streams have no limit. */
  timeout?: number | undefined;
  /**
   * How often a call is repeated that may be repeated: 2 if not given. Only GET, HEAD, PUT and DELETE are, after a 429
   * or a 503, once their `Retry-After` is over; GET and HEAD also when the connection was cut.
   */
  retries?: number | undefined;
  /** Used instead of the global `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Sends the bytes of an upload, instead of `fetch`: a page can report every step with one on XMLHttpRequest. */
  upload?: UploadTransport | undefined;
}

/** What one call can say differently. */
export interface CallOptions {
  /** Ends the call. It then rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Headers of this call. */
  headers?: Record<string, string> | undefined;
  /** Milliseconds that one attempt may take. */
  timeout?: number | undefined;
  /** How often the call is repeated, if it may be. */
  retries?: number | undefined;
}

/** Keeps the token of a session. */
export interface TokenStore {
  get(): string | undefined | Promise<string | undefined>;
  /** Called with the token when a session starts, and with `undefined` when it ends. */
  set(token: string | undefined): void | Promise<void>;
}

/** A token in memory: it is gone with the page or the process. */
export function tokenInMemory(token?: string): TokenStore {
  return {
    get: () => token,
    set: (next) => {
      token = next;
    },
  };
}

/** What `tokenIn` needs of a `Storage`. */
export interface TextStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** A token in a `Storage`. With `sessionStorage` it survives a reload, and every script of the page can read it. */
export function tokenIn(storage: TextStorage, key = "token"): TokenStore {
  return {
    get: () => storage.getItem(key) ?? undefined,
    set: (token) => (token === undefined ? storage.removeItem(key) : storage.setItem(key, token)),
  };
}

// ---- Errors -------------------------------------------------------------------------------------------------------

/** The service refused a call, and said why (RFC 9457). `S` lists the statuses that the operation documents. */
export class ProblemError<S extends number = number> extends Error {
  override readonly name = "ProblemError";
  /** The HTTP status. */
  readonly status: S;
  /** What the service said. */
  readonly problem: Problem;
  /** The last part of the problem's type: `not-found` of `urn:tenfold:problem:not-found`. */
  readonly code: string;
  /** The id under which the service's log has the request. */
  readonly requestId: string | undefined;
  /** Milliseconds after which the same call may succeed. */
  readonly retryAfter: number | undefined;

  constructor(problem: Problem, status: S, headers: Headers) {
    const { title, detail } = problem as { title: string; detail?: string | null };
    super([title, detail].filter(Boolean).join(": "));
    this.problem = problem;
    this.status = status;
    this.code = problem.type.slice(problem.type.lastIndexOf(":") + 1);
    this.requestId = headers.get("X-Request-Id") ?? undefined;
    this.retryAfter = retryAfter(headers.get("Retry-After"));
  }
}

/** There was no answer: the service cannot be reached, the connection was cut, or the time was over. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  /** The time of the attempt was over. */
  readonly isTimeout: boolean;

  constructor(message: string, options: { cause?: unknown; isTimeout?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.isTimeout = options.isTimeout ?? false;
  }
}

/** Whether an error is a problem that the service answered; of this code, if one is given. */
export function isProblem(error: unknown, code?: string): error is ProblemError {
  return error instanceof ProblemError && (code === undefined || error.code === code);
}

async function problemOf(response: Response): Promise<ProblemError> {
  const text = await response.text().catch(() => "");
  let problem = { type: "about:blank", title: `HTTP ${response.status}`, status: response.status } as Problem;
  if (isJson(response)) {
    try {
      problem = { ...problem, ...(JSON.parse(text) as Partial<Problem>) };
    } catch {
      // What a proxy sent stays what its status says.
    }
  }
  return new ProblemError(problem, response.status, response.headers);
}

function isJson(response: Response): boolean {
  return /^application\/([^;]+\+)?json\b/i.test(response.headers.get("Content-Type") ?? "");
}

/** In milliseconds; the header has seconds or a date (RFC 9110, section 10.2.3). */
function retryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(milliseconds) ? undefined : Math.max(0, milliseconds);
}

// ---- Calls --------------------------------------------------------------------------------------------------------

/** What a call came to: the value, or the problem. */
export type Result<T, S extends number = number> = { ok: true; value: T } | { ok: false; problem: ProblemError<S> };

interface Answer<T> {
  data: T;
  response: Response;
}

/** A call that was sent: a promise of its value, which rejects with a `ProblemError` or a `ConnectionError`. */
export class Call<T, S extends number = number> implements Promise<T> {
  readonly [Symbol.toStringTag] = "Call";
  readonly #answer: Promise<Answer<T>>;

  constructor(answer: Promise<Answer<T>>) {
    this.#answer = answer;
  }

  then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#answer.then(({ data }) => data).then(fulfilled, rejected);
  }

  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.then(undefined, rejected);
  }

  finally(done?: (() => void) | null): Promise<T> {
    return this.then().finally(done);
  }

  /** The value, or the problem with its status; only a call without an answer rejects. */
  async result(): Promise<Result<T, S>> {
    try {
      return { ok: true, value: await this };
    } catch (error) {
      if (error instanceof ProblemError) return { ok: false, problem: error as ProblemError<S> };
      throw error;
    }
  }

  /** The value with the response, for its headers: `ETag`, `Location`, `Server-Timing`. */
  withResponse(): Promise<{ data: T; response: Response }> {
    return this.#answer;
  }
}

// ---- Lists --------------------------------------------------------------------------------------------------------

interface PageOf<Item> {
  items: Item[];
  next_cursor?: string | null | undefined;
}

/** A call for a page of a list; `for await` gives the items of this page and of all that follow it. */
export class Pages<Item, Page extends PageOf<Item>, S extends number = number>
  extends Call<Page, S>
  implements AsyncIterable<Item>
{
  readonly #next: (cursor: string) => Promise<Page>;

  constructor(first: Promise<Answer<Page>>, next: (cursor: string) => Promise<Page>) {
    super(first);
    this.#next = next;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** This page, and all that follow it. */
  async *pages(): AsyncGenerator<Page, void, undefined> {
    let page: Page = await this;
    for (;;) {
      yield page;
      if (typeof page.next_cursor !== "string") return;
      page = await this.#next(page.next_cursor);
    }
  }
}

function list<Item, Page extends PageOf<Item>, S extends number>(
  connection: Connection,
  options: CallOptions = {},
  plan: Plan,
): Pages<Item, Page, S> {
  const page = (query: Query | undefined) => connection.answer<Page>({ ...plan, query: query ?? {} }, options);
  const next = async (cursor: string) => (await page({ ...plan.query, cursor })).data;
  return new Pages<Item, Page, S>(page(plan.query), next);
}

// ---- Live streams -------------------------------------------------------------------------------------------------

/** How a stream is followed. */
export interface StreamOptions {
  /** Ends the stream. */
  signal?: AbortSignal | undefined;
  /** Headers of each request. */
  headers?: Record<string, string> | undefined;
  /** Continues after the event with this id. */
  lastEventId?: string | undefined;
  /** Called each time the connection is gone, before it is opened again; with the error, if there was one. */
  onReconnect?: ((reason: unknown) => void) | undefined;
}

/** The kinds of events of a stream, and what each carries. */
interface EventKind {
  event: string;
  data: unknown;
}

/** An event, with its place in the stream. */
type Live<E extends EventKind> = E & { id: string };

/** The service sends a sign of life every 15 s. A connection that is silent for longer than this is gone. */
const LONGEST_SILENCE = 45_000;

/**
 * Events as they happen. A connection that breaks is opened again, and continues after the last event. Iterating ends
 * when the service has nothing more to send, at `break`, and when the signal aborts. It throws a `ProblemError` when
 * the service refuses, for instance because the session has ended.
 */
export class EventStream<E extends EventKind> implements AsyncIterable<Live<E>> {
  readonly #follow: () => AsyncGenerator<Live<E>, void, undefined>;

  constructor(follow: () => AsyncGenerator<Live<E>, void, undefined>) {
    this.#follow = follow;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Live<E>, void, undefined> {
    return this.#follow();
  }
}

function stream<E extends EventKind>(
  connection: Connection,
  options: StreamOptions = {},
  plan: Plan,
): EventStream<E> {
  return new EventStream<E>(() => follow<E>(connection, options, plan));
}

async function* follow<E extends EventKind>(
  connection: Connection,
  options: StreamOptions,
  plan: Plan,
): AsyncGenerator<Live<E>, void, undefined> {
  const { signal, onReconnect } = options;
  const reader = new EventReader(options.lastEventId);
  let failures = 0;
  while (!signal?.aborted) {
    const silence = new Timer(LONGEST_SILENCE);
    let reason: unknown;
    try {
      const headers = { ...(reader.lastId ? { "Last-Event-ID": reader.lastId } : {}), ...options.headers };
      const response = await connection.open(plan, { headers, signal: either(signal, silence.signal) });
      if (response.status === 204 || !response.body) return;
      const chunks = response.body.getReader();
      for (;;) {
        silence.restart();
        const chunk = await chunks.read();
        silence.clear();
        if (chunk.done) break;
        failures = 0;
        for (const event of reader.read(chunk.value)) yield event as Live<E>;
        if (reader.isOver) return;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof ProblemError && error.status < 500 && error.status !== 429) throw error;
      reason = wrapped(error, undefined);
    } finally {
      silence.abort();
    }
    onReconnect?.(reason);
    const asked = reason instanceof ProblemError ? (reason.retryAfter ?? 0) : 0;
    await pause(Math.max(asked, backoff(failures, reader.retry)), signal);
    failures += 1;
    reader.reconnected();
  }
}

/** Takes the bytes of an event stream apart (HTML standard, section 9.2.6). */
class EventReader {
  lastId: string | undefined;
  /** Milliseconds before the first attempt to reconnect. */
  retry = 1_000;
  /** The service said that there is nothing more to come. */
  isOver = false;
  #decoder = new TextDecoder();
  #rest = "";
  #event = "";
  #data: string[] = [];
  #id: string | undefined;

  constructor(lastId: string | undefined) {
    this.lastId = lastId;
  }

  /** What was begun on the last connection is sent again on the next one. */
  reconnected(): void {
    this.#decoder = new TextDecoder();
    this.#rest = "";
    this.#clear();
  }

  *read(bytes: Uint8Array): Generator<Live<EventKind>, void, undefined> {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = line === "" ? this.#dispatch() : this.#field(line);
      if (event) yield event;
    }
  }

  #field(line: string): undefined {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
    else if (name === "" && value === "end") this.isOver = true;
    return undefined;
  }

  #dispatch(): Live<EventKind> | undefined {
    if (this.#id !== undefined) this.lastId = this.#id;
    const text = this.#data.join("\n");
    const event = { id: this.lastId ?? "", event: this.#event || "message", data: parsed(text) };
    const isEmpty = this.#data.length === 0;
    this.#clear();
    return isEmpty ? undefined : event;
  }

  #clear(): void {
    this.#event = "";
    this.#data = [];
    this.#id = undefined;
  }
}

/** What an event carries: JSON, or else its text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

// ---- Uploads ------------------------------------------------------------------------------------------------------

/** The content of an upload: a `Blob`, a buffer or a text. A file on disk is a `Blob` too: `openAsBlob` of `node:fs`. */
export type Bytes = NonNullable<ConstructorParameters<typeof Blob>[0]>[number];

/** How far an upload is, in bytes. */
export interface Progress {
  sent: number;
  total: number;
}

/** What an upload can say differently. */
export interface UploadOptions extends CallOptions {
  /** Called at the start, as bytes are sent, and once all are. A browser's fetch tells of no step in between. */
  onProgress?: ((progress: Progress) => void) | undefined;
}

/** One request of an upload. */
export interface UploadRequest {
  method: string;
  url: string;
  headers: Headers;
  body: Blob;
  credentials: NonNullable<RequestInit["credentials"]>;
  signal: AbortSignal | undefined;
}

/** Sends an upload, and calls `onProgress` with the number of bytes that were sent so far. */
export type UploadTransport = (request: UploadRequest, onProgress: (sent: number) => void) => Promise<Response>;

function upload<T, S extends number>(
  connection: Connection,
  options: UploadOptions = {},
  bytes: Bytes,
  plan: Plan,
): Call<T, S> {
  const body = bytes instanceof Blob ? bytes : new Blob([bytes]);
  const progress = (sent: number) => options.onProgress?.({ sent, total: body.size });
  const own = isBrowser() ? undefined : streamedBy(connection.options.fetch ?? fetch);
  const through = connection.options.upload ?? own;
  const send: Send | undefined = through && ((url, init) => through(uploadRequest(url, init, body), progress));
  const run = async () => {
    progress(0);
    const answer = await connection.answer<T>({ ...plan, body }, options, send);
    progress(body.size);
    return answer;
  };
  return new Call<T, S>(run());
}

function uploadRequest(url: string, init: RequestInit, body: Blob): UploadRequest {
  const { method = "POST", headers, credentials = "omit", signal } = init;
  return { method, url, headers: new Headers(headers), body, credentials, signal: signal ?? undefined };
}

/** Browsers send a stream over HTTP/2 alone, or not at all. */
function isBrowser(): boolean {
  return "document" in globalThis || "WorkerGlobalScope" in globalThis;
}

/** The bytes that are read at once, and between two reports. */
const PIECE = 256 * 1024;
/** Of a body of more than so many bytes, only some go at first. */
const LARGE = 1024 * 1024;
/**
 * Milliseconds in which the service can refuse a large body after its first bytes: its answer is lost if it closes the
 * connection while more are written. `Expect: 100-continue` is for this, and fetch has none.
 */
const FIRST_LOOK = 250;

/** Sends the body as a stream, piece after piece, and counts those that were taken. */
function streamedBy(send: typeof fetch): UploadTransport {
  return ({ url, body, headers, signal, ...rest }, onProgress) => {
    let sent = 0;
    const isLarge = body.size > LARGE;
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
      if (sent > 0) onProgress(sent);
      if (isLarge && sent === PIECE) await pause(FIRST_LOOK, signal);
      if (sent >= body.size) return controller.close();
      const piece = new Uint8Array(await body.slice(sent, sent + PIECE).arrayBuffer());
      sent += piece.byteLength;
      controller.enqueue(piece);
    };
    const stream = new ReadableStream<Uint8Array>({ pull }, { highWaterMark: 0 });
    // So that the service can refuse what is too large before it is sent.
    headers.set("Content-Length", String(body.size));
    return send(url, { ...rest, headers, body: stream, duplex: "half", signal: signal ?? null } as RequestInit);
  };
}

// ---- How calls are sent -------------------------------------------------------------------------------------------

type Scalar = string | number | boolean | null | undefined;
type Query = Record<string, Scalar | readonly Scalar[]>;

/** One request, as an operation describes it. */
interface Plan {
  method: string;
  path: string;
  query?: Query;
  headers?: Record<string, Scalar>;
  body?: NonNullable<RequestInit["body"]> | undefined;
  /** The body's content type, where fetch would not know it. */
  type?: string | undefined;
  /** The kind of content that is asked for. */
  accept?: string;
  /** What becomes of the answer: parsed JSON (unless said otherwise), text, nothing, or the response itself. */
  read?: "text" | "nothing" | "response";
  /** Whether the session goes with it. */
  session?: "needed" | "optional";
  /** The answer has the token of a new session, or the session is over after it. */
  token?: "starts" | "ends";
}

/** The longest `Retry-After` that a call waits for by itself, in milliseconds. */
const LONGEST_WAIT = 30_000;
const REPEATABLE = ["GET", "HEAD", "PUT", "DELETE"];

class Connection {
  readonly options: ClientOptions;
  readonly #store: TokenStore | undefined;

  constructor(options: ClientOptions) {
    this.options = options;
    this.#store = options.session === "cookie" ? undefined : (options.session ?? tokenInMemory());
  }

  /** Sends a request until it is answered, or may not be repeated any more. */
  async answer<T>(plan: Plan, options: CallOptions, send?: Send): Promise<Answer<T>> {
    const retries = options.retries ?? this.options.retries ?? 2;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#attempt<T>(plan, options, send);
      } catch (error) {
        const wait = attempt < retries ? waitBefore(plan.method, error, attempt) : undefined;
        if (wait === undefined) throw error;
        await pause(wait, options.signal);
        options.signal?.throwIfAborted();
      }
    }
  }

  async #attempt<T>(plan: Plan, options: CallOptions, send?: Send): Promise<Answer<T>> {
    const isLong = plan.read === "response" || plan.body instanceof Blob;
    const timer = new Timer(options.timeout ?? (isLong ? undefined : (this.options.timeout ?? 30_000)));
    try {
      const response = await this.open(plan, { ...options, signal: either(options.signal, timer.signal) }, send);
      return { data: await this.#read<T>(plan, response), response };
    } catch (error) {
      throw wrapped(error, options.signal);
    } finally {
      timer.clear();
    }
  }

  async #read<T>(plan: Plan, response: Response): Promise<T> {
    if (plan.read === "response") return response as T;
    const text = await response.text();
    if (plan.read === "nothing" || response.status === 304) return undefined as T;
    if (plan.read === "text") return text as T;
    const data = (text === "" ? undefined : JSON.parse(text)) as T;
    if (plan.token === "starts") await this.#store?.set((data as { token?: string } | undefined)?.token);
    return data;
  }

  /** Sends one request. Rejects with a `ProblemError` unless it succeeds. */
  async open(plan: Plan, options: CallOptions, send: Send = (url, init) => this.#fetch(url, init)): Promise<Response> {
    const token = plan.session && (await this.#store?.get());
    const headers = new Headers(this.options.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    if (plan.accept !== undefined) headers.set("Accept", plan.accept);
    if (plan.type !== undefined && plan.body !== undefined) headers.set("Content-Type", plan.type);
    for (const [name, value] of Object.entries({ ...plan.headers, ...options.headers })) {
      if (value !== undefined && value !== null) headers.set(name, String(value));
    }
    const init: RequestInit = { method: plan.method, headers, credentials: this.#store ? "omit" : "include" };
    if (plan.body !== undefined) init.body = plan.body;
    if (options.signal) init.signal = options.signal;
    const response = await send(this.#url(plan), init);
    const over = response.status === 401 && plan.session === "needed";
    const isNews = (over || (response.ok && plan.token === "ends")) && (await this.#forget(token));
    if (response.ok || response.status === 304) return response;
    const problem = await problemOf(response);
    if (over && isNews) this.options.onSessionEnd?.(problem);
    throw problem;
  }

  #fetch(url: string, init: RequestInit): Promise<Response> {
    return (this.options.fetch ?? fetch)(url, init);
  }

  /** The token that was sent is of no more use. Says whether that is news: another call may have been told before. */
  async #forget(token: string | undefined): Promise<boolean> {
    if (token === undefined) return true;
    if ((await this.#store?.get()) !== token) return false;
    await this.#store?.set(undefined);
    return true;
  }

  #url({ path, query }: Plan): string {
    const pairs = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined && one !== null) pairs.append(name, String(one));
      }
    }
    const base = (this.options.baseUrl ?? "").replace(/\/+$/, "");
    const search = pairs.toString();
    return `${base}${path}${search && `?${search}`}`;
  }
}

function call<T, S extends number>(connection: Connection, options: CallOptions | undefined, plan: Plan): Call<T, S> {
  return new Call<T, S>(connection.answer<T>(plan, options ?? {}));
}

type Send = (url: string, init: RequestInit) => Promise<Response>;

/** Milliseconds until a call is repeated; `undefined`: it is not. */
function waitBefore(method: string, error: unknown, attempt: number): number | undefined {
  const usual = backoff(attempt, 500);
  if (error instanceof ConnectionError) {
    // What took too long takes long again.
    return (method === "GET" || method === "HEAD") && !error.isTimeout ? usual : undefined;
  }
  const isBusy = error instanceof ProblemError && (error.status === 429 || error.status === 503);
  if (!isBusy || !REPEATABLE.includes(method)) return undefined;
  const wait = error.retryAfter ?? usual;
  return wait <= LONGEST_WAIT ? wait : undefined;
}

/** Twice as long each time, up to 30 s; a random half of it, so that many clients do not come back at once. */
function backoff(attempt: number, first: number): number {
  return Math.min(30_000, first * 2 ** attempt) * (0.5 + Math.random() / 2);
}

/** Resolves after so many milliseconds, or when the signal aborts. */
function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    if (signal?.aborted) done();
    else signal?.addEventListener("abort", done);
  });
}

/** Aborts its signal after so many milliseconds without `restart`. */
class Timer {
  readonly #controller = new AbortController();
  readonly #milliseconds: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(milliseconds: number | undefined) {
    this.#milliseconds = milliseconds;
    this.restart();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    this.clear();
    if (this.#milliseconds === undefined) return;
    const over = new ConnectionError(`no answer within ${this.#milliseconds} ms`, { isTimeout: true });
    this.#timer = setTimeout(() => this.#controller.abort(over), this.#milliseconds);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }

  /** Ends what it watches over. */
  abort(): void {
    this.clear();
    this.#controller.abort();
  }
}

function either(one: AbortSignal | undefined, other: AbortSignal): AbortSignal {
  return one ? AbortSignal.any([one, other]) : other;
}

/** Problems, and the reason of the caller's own signal, as they are; anything else means that there was no answer. */
function wrapped(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof ProblemError || error instanceof ConnectionError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return new ConnectionError(`the service did not answer: ${String(cause)}`, { cause: error });
}

/** A part of a path. */
function segment(value: string | number | boolean | null): string {
  const text = String(value ?? "");
  // The address would be one of another operation.
  if (text === "" || text === "." || text === "..") throw new TypeError(`"${text}" cannot be a part of a path`);
  return encodeURIComponent(text);
}

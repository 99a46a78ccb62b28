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

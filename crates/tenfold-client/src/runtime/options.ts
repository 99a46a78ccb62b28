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
  // only with uploads
  /** Sends the bytes of an upload, instead of `fetch`: a page can report every step with one on XMLHttpRequest. */
  upload?: UploadTransport | undefined;
  // end
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

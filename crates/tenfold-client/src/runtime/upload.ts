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

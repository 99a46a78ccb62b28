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

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

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

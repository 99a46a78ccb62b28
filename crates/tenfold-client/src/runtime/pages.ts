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

// What the compiler knows of an odd document's client. Compiled, never run.

import { createClient, type BookEntry, type BookEntry2, type Response2, type Shape, type Tree } from "../../../crates/tenfold-client/tests/it/odd";

const api = createClient();

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export async function odd(tree: Tree, shape: Shape, other: Response2): Promise<void> {
  const book = await api.getBook({ shelf: 1, book: "", queryBook: true, queryBody: null, tag: ["a"], sortBy: ["red"], xTrace: 1 });
  same<typeof book, Tree | Shape | null | undefined>(true);
  same<(typeof tree.children)[number], Tree>(true);
  same<typeof tree.extra, BookEntry2>(true);
  same<typeof tree.anything, unknown>(true);
  same<typeof other.known, string | undefined>(true);
  if (shape.kind === "circle") same<typeof shape.radius, number>(true);
  else same<typeof shape.corners, [number, number][]>(true);
  await api.class({ shelf: 1, book: "" });
  await api.class({ shelf: 1, book: "", body: { known: "", more: 1 } });
  const text = await api.deleteShelvesShelfBooksBook({ shelf: 1, book: "" });
  same<typeof text, string>(true);
  const anything = await api.then2();
  same<typeof anything, unknown>(true);
  const entry = await api.postForm({ body: new FormData() });
  same<typeof entry, BookEntry>(true);
  same<typeof entry.class, "x">(true);
  const picture = await api.patchPicture({ body: new Uint8Array() });
  same<typeof picture, Response>(true);
  for await (const { event, data } of api.oneEvent()) same<[typeof event, typeof data], ["tick", number]>(true);
  for await (const { data } of api.anyEvent()) same<typeof data, unknown>(true);
  for await (const item of api.list()) same<typeof item, string | null>(true);
}

// What the compiler knows of the reference backend's client, and what it refuses. Compiled, never run.

import { createClient, isProblem, tokenIn, type FileId, type FileView, type UserId, type UserView } from "../../../examples/react/src/api";

const api = createClient({ baseUrl: "", session: tokenIn(sessionStorage), timeout: undefined });

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

export async function lists(): Promise<void> {
  for await (const user of api.listUsers({ limit: 10, cursor: undefined })) same<typeof user, UserView>(true);
  const page = await api.listNotifications();
  same<typeof page.unread, number>(true);
  same<(typeof page.items)[0], string>(false);
  // @ts-expect-error: a limit is a number
  await api.listUsers({ limit: "10" });
  // @ts-expect-error: there is no such parameter
  await api.listUsers({ size: 10 });
}

export async function calls(file: FileId, user: UserId): Promise<void> {
  // @ts-expect-error: the id is missing
  await api.getFile();
  const patched = await api.patchUser({ id: user, body: { profile: { title: null }, settings: { theme: "dark" } } });
  same<typeof patched.settings.theme, "system" | "light" | "dark">(true);
  // @ts-expect-error: there is no such theme
  await api.patchUser({ id: user, body: { settings: { theme: "blue" } } });
  // An id may come from an address, but not from something else.
  await api.switch({ body: { organization: "01900000-0000-7000-8000-000000000000" } });
  // @ts-expect-error: a file is no organization
  await api.switch({ body: { organization: file } });
  const nothing = await api.deleteFile({ id: file });
  same<typeof nothing, void>(true);
  const content = await api.fileContent({ id: file, range: "bytes=0-9" });
  same<typeof content, Response>(true);
}

export async function problems(): Promise<string | undefined> {
  const result = await api.signIn({ body: { email: "", password: "" } }).result();
  if (result.ok) return result.value.token;
  same<typeof result.problem.status, 400 | 401 | 403 | 413 | 415 | 422 | 429>(true);
  // @ts-expect-error: this operation has no such answer
  if (result.problem.status === 404) return undefined;
  try {
    await api.healthz();
  } catch (error) {
    if (isProblem(error, "overloaded")) return error.problem.errors?.[0]?.pointer;
  }
  return undefined;
}

export async function streams(signal: AbortSignal): Promise<FileView | undefined> {
  for await (const { id, event, data } of api.fileEvents({ id: "" }, { signal, lastEventId: undefined })) {
    same<typeof id, string>(true);
    if (event === "progress") same<typeof data.percent, number>(true);
    else return data;
    // @ts-expect-error: there is no such event
    if (event === "done") break;
  }
  return undefined;
}

export async function uploads(file: File): Promise<FileId> {
  const { id } = await api.uploadFile({ name: file.name, body: file }, { onProgress: ({ sent, total }) => sent / total });
  // @ts-expect-error: only an upload has a progress
  await api.getFile({ id }, { onProgress: () => {} });
  return id;
}

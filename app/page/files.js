// The files of the organization: the list, uploads by picking and by dropping, deletion.

import { ask } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, say } from "./element.js";
import { FileRow } from "./file-row.js";
import { show } from "./live.js";
import { toast } from "./toast.js";
import { upload } from "./upload.js";

const PAGE = 20;
const FIRST = `/v1/files?limit=${PAGE}`;
const list = byId("file-list");
const more = byId("more-files");
const pick = byId("pick");
// By the file's id; an upload gets its id when it is accepted.
const rows = new Map();
// Of the last page that was fetched.
let cursor = null;
let asking = new AbortController();
let hide = null;

export function openFiles() {
  asking = new AbortController();
  hide = show(FIRST, showFirst);
}

export function closeFiles() {
  hide?.();
  asking.abort();
  rows.clear();
  list.replaceChildren();
  more.hidden = byId("no-files").hidden = true;
  cursor = null;
}

/** Shows a file: its row gets the focus, and is fetched first if it is not in the list. */
export async function showFile(id) {
  try {
    const row = rows.get(id) ?? place(await ask("GET", `/v1/files/${id}`, { signal: asking.signal }), true);
    row.node.scrollIntoView({ block: "center" });
    row.node.focus();
  } catch (problem) {
    if (problem.name === "AbortError") return;
    toast(problem.status === 404 ? "The file no longer exists." : problem.message);
  }
}

/** Shows the newest files as they are now: their progress, those that others have added, not those that are gone. */
async function showFirst() {
  const isNew = !rows.size;
  const page = await fetchPage(FIRST);
  if (!page) return;
  const here = new Set(page.items.map((file) => file.id));
  const oldest = page.next_cursor ? page.items.at(-1).created_at : "";
  for (const [id, row] of rows) {
    if (row.createdAt > oldest && !here.has(id)) takeOut(id, row);
  }
  for (const file of page.items.toReversed()) place(file, true);
  if (isNew) cursor = page.next_cursor ?? null;
  showWhetherEmpty();
}

async function showOlder() {
  const page = await fetchPage(`${FIRST}&${new URLSearchParams({ cursor })}`);
  if (!page) return;
  for (const file of page.items) place(file, false);
  cursor = page.next_cursor ?? null;
  showWhetherEmpty();
}

/** A page of the list; nothing if the service has none, which is said. */
async function fetchPage(path) {
  const { signal } = asking;
  try {
    const page = await ask("GET", path, { signal });
    say(byId("files-problem"));
    return page;
  } catch (problem) {
    if (signal.aborted) return;
    say(byId("files-problem"), problem.message);
    showWhetherEmpty();
  }
}

function showWhetherEmpty() {
  more.hidden = !cursor;
  byId("no-files").hidden = list.childElementCount > 0 || !byId("files-problem").hidden;
}

/** Puts a file of the service into the list. */
function place(file, first) {
  const row = rows.get(file.id) ?? new FileRow(file.name);
  if (!rows.has(file.id)) {
    rows.set(file.id, row);
    if (first) list.prepend(row.node);
    else list.append(row.node);
  }
  row.createdAt = file.created_at;
  row.shows(file, () => remove(file, row));
  return row;
}

/** Queries the current state of a file. */
async function look(id, row) {
  const { signal } = asking;
  try {
    place(await ask("GET", `/v1/files/${id}`, { signal }));
  } catch (problem) {
    if (signal.aborted) return;
    if (problem.status === 404) takeOut(id, row);
    else row.refuses(problem, () => takeOut(id, row), () => look(id, row));
  }
}

async function remove(file, row) {
  if (!await confirmed("Delete the file?", `${file.name} will be deleted for everybody in the organization.`, "Delete")) return;
  try {
    await ask("DELETE", `/v1/files/${file.id}`);
  } catch (problem) {
    if (problem.status !== 404) return toast(`${file.name} was not deleted. ${problem.message}`);
  }
  takeOut(file.id, row);
  toast(`${file.name} was deleted.`);
}

/** Removes a row; the focus moves to the next one, not back to the top of the page. */
function takeOut(id, row) {
  rows.delete(id);
  const neighbour = row.node.nextElementSibling ?? row.node.previousElementSibling;
  const lost = row.node.contains(document.activeElement) || document.activeElement === document.body;
  row.node.remove();
  showWhetherEmpty();
  if (lost) (neighbour ?? pick).focus();
}

function take(files) {
  for (const file of [...files]) {
    const row = new FileRow(file.name);
    list.prepend(row.node);
    begin(file, row);
  }
  showWhetherEmpty();
}

function begin(file, row) {
  const dismiss = () => takeOut(undefined, row);
  let cancel;
  row.waits(file.size, () => { cancel(); dismiss(); });
  cancel = upload(file, {
    sent: (percent) => row.uploads(percent, file.size),
    accepted: (id) => {
      // The stream may have been faster.
      rows.get(id)?.node.remove();
      rows.set(id, row);
      row.processes({ percent: 0, message: "" });
      look(id, row);
    },
    refused: (problem) => {
      row.refuses(problem, dismiss, problem.status === 0 && (() => begin(file, row)));
      toast(`${file.name}: ${problem.message}`);
    },
  });
}

pick.addEventListener("change", () => {
  take(pick.files);
  // So that the same file can be chosen again.
  pick.value = "";
});
more.addEventListener("click", showOlder);

const carriesFiles = (event) => !byId("signed-in").hidden && event.dataTransfer?.types.includes("Files");
const isDirectory = (item) => item.webkitGetAsEntry?.()?.isDirectory;
const mark = (over) => byId("drop").classList.toggle("over", over);

document.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  mark(true);
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) mark(false); });
document.addEventListener("drop", (event) => {
  mark(false);
  if (!carriesFiles(event)) return;
  event.preventDefault();
  if ([...event.dataTransfer.items].some(isDirectory)) return toast("Drop files; folders cannot be uploaded.");
  take(event.dataTransfer.files);
});

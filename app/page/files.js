// The files of the organization: the list, uploads by picking and by dropping, deletion.

import { ask } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, say } from "./element.js";
import { FileRow } from "./file-row.js";
import { unwatch, unwatchAll, watch } from "./progress.js";
import { toast } from "./toast.js";
import { upload } from "./upload.js";

const PAGE = 20;
const list = byId("file-list");
const more = byId("more-files");
const pick = byId("pick");
// By the file's id; an upload gets its id when it is accepted.
const rows = new Map();
let cursor = null;
let asking = new AbortController();

export function openFiles() {
  asking = new AbortController();
  return showPage();
}

export function closeFiles() {
  asking.abort();
  unwatchAll();
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

async function showPage() {
  const { signal } = asking;
  const query = new URLSearchParams({ limit: PAGE, ...(cursor && { cursor }) });
  try {
    const page = await ask("GET", `/v1/files?${query}`, { signal });
    for (const file of page.items) place(file, false);
    cursor = page.next_cursor ?? null;
    say(byId("files-problem"));
  } catch (problem) {
    if (signal.aborted) return;
    say(byId("files-problem"), problem.message);
  }
  more.hidden = !cursor;
  showWhetherEmpty();
}

function showWhetherEmpty() {
  byId("no-files").hidden = list.childElementCount > 0 || !byId("files-problem").hidden;
}

/** Puts a file of the service into the list, and watches it while it is processed. */
function place(file, first) {
  const row = rows.get(file.id) ?? new FileRow(file.name);
  if (!rows.has(file.id)) {
    rows.set(file.id, row);
    if (first) list.prepend(row.node);
    else list.append(row.node);
  }
  row.shows(file, () => remove(file, row));
  if (file.status === "processing") follow(file.id, row);
  return row;
}

function follow(id, row) {
  watch(id, {
    progress: (step) => row.processes(step),
    done: (file) => place(file),
    gone: () => look(id, row),
  });
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
  unwatch(id);
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
more.addEventListener("click", showPage);

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

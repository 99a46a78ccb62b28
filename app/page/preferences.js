// Under Account: by which channels one is told of what.

import { act } from "./act.js";
import { ask } from "./api.js";
import { byId, element } from "./element.js";
import { toast } from "./toast.js";

const PATH = "/v1/notifications/preferences";
/** The channels, in the order of the columns. */
const CHANNELS = [["in_app", "In the application"], ["mail", "Mail"]];
const problem = byId("preferences-problem");

export async function openPreferences() {
  await act(problem, async () => {
    const { items } = await ask("GET", PATH);
    byId("preference-rows").replaceChildren(...items.map(row));
    byId("preferences").hidden = items.length === 0;
  });
}

function row({ kind, title, ...chosen }) {
  return element("tr", {}, element("th", { scope: "row" }, title),
    CHANNELS.map(([channel, name]) => element("td", {}, box(kind, channel, `${title}: ${name}`, chosen[channel]))));
}

/** A box whose label is as large as its cell. */
function box(kind, channel, label, isChosen) {
  const input = element("input", { type: "checkbox", checked: isChosen });
  input.addEventListener("change", async () => {
    const body = { kind, [channel]: input.checked };
    if (await act(problem, () => ask("PATCH", PATH, { body }))) toast("Saved.");
    else input.checked = !input.checked;
  });
  return element("label", {}, input, element("span", { class: "unseen" }, label));
}

// One file of the list: from waiting for its upload to its thumbnail and facts.

import { element } from "./element.js";
import * as words from "./words.js";

// Signs beside the words, so that no state is shown by colour or sign alone.
const SIGNS = { ready: "✓", failed: "✕", refused: "✕", processing: "…", uploading: "↑", waiting: "…" };

export class FileRow {
  /** When the service got it; nothing before. */
  createdAt;
  #picture = element("div", { class: "picture", "aria-hidden": "true" });
  #name = element("p", { class: "name" });
  #sign = element("span", { class: "sign", "aria-hidden": "true" });
  #state = element("span", {});
  #bar = element("progress", { max: 100, value: 0 });
  #details = element("div", {});
  #actions = element("div", { class: "actions" });

  constructor(name) {
    const state = element("p", { class: "state" }, this.#sign, " ", this.#state);
    const body = element("div", { class: "about" }, this.#name, state, this.#bar, this.#details);
    this.node = element("li", { class: "file", tabindex: -1 }, this.#picture, body, this.#actions);
    this.name = name;
    this.#name.textContent = name;
    this.#bar.setAttribute("aria-label", `Progress of ${name}`);
    this.#picture.textContent = "…";
  }

  /** An upload that waits for others. */
  waits(bytes, cancel) {
    this.#show("waiting", ["Waiting", words.size(bytes)]);
    this.#offer(["Cancel", cancel]);
  }

  uploads(percent, bytes) {
    this.#show("uploading", [`Uploading ${Math.floor(percent)} %`, words.size(bytes)], percent);
  }

  processes({ percent, message }) {
    this.#show("processing", [`Processing ${percent} %`, message], percent);
  }

  /** The service refused it; `again` only where another attempt may help. */
  refuses(problem, dismiss, again) {
    this.#show("refused", [problem.message]);
    this.#picture.textContent = "✕";
    this.#offer(["Dismiss", dismiss], again && ["Try again", again]);
  }

  /** The file as the service reports it. */
  shows(file, remove) {
    const known = [words.facts(file.facts), words.size(file.size)];
    if (file.status === "processing") this.processes(file);
    else if (file.status === "failed") this.#show("failed", [`Failed: ${file.message}`, ...known]);
    else this.#show("ready", ["Ready", ...known]);
    this.#picture.replaceChildren(picture(file));
    this.#details.replaceChildren(details(file));
    this.#offer(["Delete", remove]);
    const path = `/v1/files/${file.id}/content`;
    const download = { href: path, download: "", class: "button small", "aria-label": `Download ${this.name}` };
    this.#actions.prepend(element("a", download, "Download"));
  }

  #show(status, facts, percent) {
    this.node.dataset.status = status;
    this.#sign.textContent = SIGNS[status];
    this.#state.textContent = facts.filter(Boolean).join(" · ");
    this.#bar.hidden = percent === undefined;
    if (percent !== undefined) this.#bar.value = percent;
  }

  /** Buttons with their actions; the focus stays in the row when the focused button goes. */
  #offer(...offers) {
    const hadFocus = this.#actions.contains(document.activeElement);
    this.#actions.replaceChildren(...offers.filter(Boolean).map(([label, click]) => element("button",
      { type: "button", class: "small", "aria-label": `${label} ${this.name}`, click }, label)));
    if (hadFocus) this.node.focus();
  }
}

/** Its thumbnail, or the kind of file. */
function picture({ thumbnail, content_type: type, status }) {
  if (!thumbnail) return type ? words.kind(type) : status === "failed" ? "?" : "…";
  return element("img", { src: thumbnail, alt: "", error: (event) => event.target.replaceWith("?") });
}

function details(file) {
  const { encoding, no_thumbnail: undrawn } = file.facts;
  const facts = [
    ["Type", file.content_type ?? "not known"], ["Encoding", encoding], ["No thumbnail", undrawn],
    ["Uploaded", words.time(file.created_at)], ["SHA-256", file.sha256],
  ];
  const known = facts.filter(([, fact]) => fact);
  const list = known.map(([term, value]) => [element("dt", {}, term), element("dd", {}, value)]);
  return element("details", {}, element("summary", {}, "Details"), element("dl", {}, list.flat()));
}

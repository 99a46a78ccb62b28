// Shows whatever /openapi.json (OpenAPI 3.1) says and sends what a person fills in. No build step, no
// dependency. Text of the document reaches the page as text nodes only, never as markup.

const METHODS = ["get", "head", "post", "put", "patch", "delete"];
const KEPT = "tenfold.docs.session";
// Deeper than this a schema is either recursive or beyond what anybody reads.
const DEEPEST = 8;
// A longer answer is cut, so that it does not freeze the page.
const SHOWN_CHARACTERS = 200_000;
// What one looks for comes first.
const FIRST_HEADERS = ["content-type", "location", "retry-after", "server-timing", "x-request-id", "etag"];
const SAMPLES = {
  uuid: "00000000-0000-7000-8000-000000000000", email: "person@example.com", uri: "https://example.com/",
  date: "2026-01-31", "date-time": "2026-01-31T12:00:00Z",
};
let openapi = {};
let session = JSON.parse(sessionStorage.getItem(KEPT));
let fieldNumber = 0;

const byId = (id) => document.getElementById(id);
const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const cut = (text) => text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}\n… cut` : text;
const parse = (text) => { try { return JSON.parse(text); } catch { return undefined; } };
const say = (status, text, failed = false) => { status.textContent = text; status.classList.toggle("failed", failed); };
const anchor = (operation) => `#${encodeURIComponent(operation.id)}`;

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== ""));
  return node;
}

/** Paragraphs with `code`: as much of Markdown as descriptions of an API need. */
function prose(text = "") {
  return text.split(/\n\s*\n/).filter((part) => part.trim()).map((part) =>
    element("p", {}, part.split("`").map((piece, index) => index % 2 ? element("code", {}, piece) : piece)));
}

const quiet = (...children) => element("p", { class: "quiet" }, ...children);
const mark = (word) => element("span", { class: "mark" }, ` ${word}`);
const folded = (title, open, ...content) => element("details", { open }, element("summary", {}, title), ...content);

/** Follows `$ref`; what stands beside it (OpenAPI 3.1 allows that) wins. */
function resolve(node, steps = 0) {
  if (typeof node?.$ref !== "string" || steps > DEEPEST) return node ?? {};
  const { $ref, ...beside } = node;
  const parts = $ref.replace(/^#\//, "").split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return { ...resolve(parts.reduce((target, part) => target?.[part], openapi), steps + 1), ...beside };
}

const alternatives = (schema) => schema.oneOf ?? schema.anyOf ?? [];

/** What a schema comes down to: references followed, `allOf` merged, and of "X or null" the X. */
function settle(schema, depth = 0) {
  const { allOf = [], ...settled } = resolve(schema);
  if (depth > DEEPEST) return settled;
  const present = alternatives(settled).filter((one) => resolve(one).type !== "null");
  if (present.length === 1) {
    const { oneOf, anyOf, ...beside } = settled;
    return { ...settle(present[0], depth + 1), ...beside };
  }
  return allOf.map((part) => settle(part, depth + 1)).reduce((whole, part) => ({
    ...part, ...whole, properties: { ...part.properties, ...whole.properties },
    required: [...(part.required ?? []), ...(whole.required ?? [])],
  }), settled);
}

function typeText(schema) {
  const whole = resolve(schema);
  if (schema?.$ref && (whole.properties || whole.allOf)) return schema.$ref.split("/").pop();
  if (alternatives(whole).length) return alternatives(whole).map(typeText).join(" | ");
  if (whole.allOf) return whole.allOf.map(typeText).join(" & ");
  if (whole.const !== undefined) return JSON.stringify(whole.const);
  if (whole.enum) return whole.enum.map((value) => JSON.stringify(value)).join(" | ");
  return [whole.type ?? (whole.properties ? "object" : "any")].flat().map((type) => {
    if (type === "array") return `array of ${typeText(whole.items).replace(/^.* \| .*$/, "($&)")}`;
    if (type === "object" && whole.additionalProperties?.type) return `map of ${typeText(whole.additionalProperties)}`;
    return whole.format && type !== "null" ? `${type} (${whole.format})` : type;
  }).join(" | ");
}

function rangeText(least, most, unit) {
  if (least == null) return most == null ? null : `at most ${most}${unit}`;
  return most == null ? `at least ${least}${unit}` : `${least} to ${most}${unit}`;
}

function limitTexts(schema) {
  const stated = (keyword, words) => schema[keyword] != null && `${words} ${schema[keyword]}`;
  return [
    rangeText(schema.minimum, schema.maximum, ""),
    stated("exclusiveMinimum", "above"), stated("exclusiveMaximum", "below"),
    rangeText(schema.minLength, schema.maxLength, " characters"), rangeText(schema.minItems, schema.maxItems, " items"),
    stated("multipleOf", "a multiple of"), stated("pattern", "matches"), schema.uniqueItems && "no two alike",
    schema.default !== undefined && `default ${JSON.stringify(schema.default)}`,
    schema.readOnly && "read only",
  ];
}

function fieldRow(name, schema, { required, place, note, inside }) {
  const settled = settle(schema);
  const traits = [place, typeText(schema), ...limitTexts(settled)].filter(Boolean).join(", ");
  return element("li", {},
    element("code", { class: "name" }, name), " ", element("span", { class: "quiet" }, traits),
    required ? mark("required") : null, settled.deprecated ? mark("deprecated") : null,
    prose(note ?? settled.description), inside);
}

/** The fields of an object, or of what an array or a map holds; null where there are none. */
function fieldList(schema, above = []) {
  const { items, additionalProperties, properties, required, ...settled } = settle(schema);
  const held = items ?? (typeof additionalProperties === "object" && additionalProperties);
  if (held && !properties) return fieldList(held, above);
  const several = alternatives(settled).map((one) => [typeText(one), fieldList(one, above)]).filter(([, list]) => list);
  if (several.length) return several.map(([name, list]) => folded(`If ${name}`, !above.length, list));
  if (!properties || !Object.keys(properties).length) return null;
  // A reference yields the same `properties` object each time: that is how recursion shows.
  if (above.includes(properties) || above.length > DEEPEST) return quiet("as above");
  return element("ul", { class: "fields" }, Object.entries(properties).map(([name, property]) => {
    const list = fieldList(property, [...above, properties]);
    const inside = list && folded("Fields", !above.length, list);
    return fieldRow(name, property, { required: required?.includes(name), inside });
  }));
}

/** A value that fits the schema, from its examples where it has some. */
function example(schema, depth = 0) {
  const settled = settle(schema);
  const { minimum, exclusiveMinimum, maximum = 1, minLength = 0, maxLength, properties } = settled;
  const given = [settled.example, settled.examples?.[0], settled.default, settled.const, settled.enum?.[0]];
  const value = given.find((one) => one !== undefined);
  if (value !== undefined) return value;
  if (depth > DEEPEST) return null;
  if (alternatives(settled).length) return example(alternatives(settled)[0], depth + 1);
  switch (properties ? "object" : [settled.type].flat().find((one) => one !== "null")) {
    case "object": return Object.fromEntries(Object.entries(properties ?? {})
      .filter(([, property]) => !settle(property).readOnly)
      .map(([name, property]) => [name, example(property, depth + 1)]));
    case "array": return depth > 3 ? [] : [example(settled.items, depth + 1)];
    case "integer": case "number":
      return minimum ?? (exclusiveMinimum == null ? Math.min(1, maximum) : exclusiveMinimum + 1);
    case "boolean": return false;
    case "string": return SAMPLES[settled.format] ?? "text".padEnd(minLength, "x").slice(0, maxLength);
    default: return null;
  }
}

/** Every operation, in the document's order, with what it inherits from path and document. */
function operations() {
  const inPath = ([path, item]) => METHODS.filter((method) => item[method]).map((method) => {
    const operation = item[method];
    const [own, shared] = [operation, item].map((from) => (from.parameters ?? []).map((one) => resolve(one)));
    const isOwn = (parameter) => own.some((one) => one.name === parameter.name && one.in === parameter.in);
    const body = resolve(operation.requestBody);
    return {
      ...operation, path, body, method: method.toUpperCase(), content: Object.entries(body.content ?? {}),
      parameters: [...shared.filter((parameter) => !isOwn(parameter)), ...own],
      id: operation.operationId ?? `${method}${path}`.replace(/[^A-Za-z0-9]+/g, "-"),
      tag: operation.tags?.[0] ?? "other", needs: operation.security ?? openapi.security ?? [],
    };
  });
  return Object.entries(openapi.paths ?? {}).flatMap(inPath);
}

function securityText(operation) {
  const ways = operation.needs.map((way) => Object.entries(way).map(([scheme, scopes]) =>
    scopes.length ? `${scheme} (${scopes.join(", ")})` : scheme).join(" and ") || "nothing");
  const permissions = [operation["x-permission"] ?? operation["x-permissions"] ?? []].flat();
  return [ways.length ? `Authorization: ${ways.join(" or ")}` : "Public: needs no sign-in",
    permissions.length && `permission ${permissions.join(", ")}`].filter(Boolean).join("; ");
}

function operationCard(operation) {
  const { id, method, path, summary, deprecated } = operation;
  const kind = deprecated ? "operation deprecated" : "operation";
  const card = element("details", { class: kind, id }, element("summary", {},
    element("span", { class: "method" }, method), element("span", { class: "path" }, path),
    element("span", {}, summary), deprecated ? mark("deprecated") : null));
  // Filled when first opened: a page with hundreds of operations starts at once.
  card.addEventListener("toggle", () => {
    if (!card.open) return;
    if (!card.children[1]) card.append(element("div", { class: "body" }, reading(operation), trying(operation)));
    history.replaceState(null, "", anchor(operation));
  });
  return card;
}

/** The half of an operation that is read. */
function reading(operation) {
  const bodies = (content) => Object.entries(content ?? {}).map(([type, { schema }]) =>
    [quiet(element("code", {}, type), ` ${typeText(schema)}`), fieldList(schema)]);
  const row = (name, { schema, required, in: place = "header", description: note }) =>
    fieldRow(name, schema, { required, place, note });
  const rows = (all) => all.length ? element("ul", { class: "fields" }, all.map(([name, one]) => row(name, one))) : null;
  const responses = Object.entries(operation.responses ?? {}).map(([status, reference]) => {
    const { description = "", headers = {}, content } = resolve(reference);
    const resolved = Object.entries(headers).map(([name, header]) => [name, resolve(header)]);
    return folded(`${status} ${description}`, false, rows(resolved), bodies(content));
  });
  const { body, parameters } = operation;
  return element("section", { "aria-label": "Description" },
    prose(operation.description),
    quiet(securityText(operation), " · ", element("a", { href: anchor(operation) }, `link to ${operation.id}`)),
    parameters.length ? element("h3", {}, "Parameters") : null, rows(parameters.map((one) => [one.name, one])),
    body.content ? [element("h3", {}, body.required ? "Request body, required" : "Request body"),
      prose(body.description), bodies(body.content)] : null,
    element("h3", {}, "Responses"), responses);
}

function labelled(text, control) {
  control.id = `field-${++fieldNumber}`;
  return element("div", { class: "field" }, element("label", { for: control.id }, text), control);
}

function parameterControl({ schema = {}, required, example: given }) {
  const settled = settle(schema);
  const choices = settled.enum ?? (settled.type === "boolean" ? [true, false] : null);
  if (choices) {
    const options = choices.map((choice) => element("option", { value: String(choice) }, String(choice)));
    return element("select", { required }, required ? null : element("option", { value: "" }, "not sent"), options);
  }
  return element("input", {
    required, autocomplete: "off", spellcheck: "false", value: given ?? settled.example ?? settled.examples?.[0],
    inputmode: settled.type === "integer" ? "numeric" : null,
    placeholder: settled.type === "array" ? "separated by commas" : settled.default ?? settled.format,
  });
}

/** The field for the body: text, with an example if it is JSON; for any other bytes a file. */
function bodyControl([type, media], required) {
  const isJson = type.includes("json");
  if (!isJson && !type.startsWith("text/")) return element("input", { type: "file", required });
  const shown = media.example ?? resolve(Object.values(media.examples ?? {})[0]).value;
  const given = shown ?? (isJson ? example(media.schema) : "");
  const text = element("textarea", { spellcheck: "false", required });
  text.value = isJson ? JSON.stringify(given, null, 2) : given;
  text.rows = Math.min(24, text.value.split("\n").length + 1);
  return text;
}

/** The half of an operation that is tried: a form, and below it what came back. */
function trying(operation) {
  const fields = operation.parameters.filter((parameter) => parameter.in !== "cookie")
    .map((parameter) => ({ parameter, control: parameterControl(parameter) }));
  const [content] = operation.content;
  const body = content && bodyControl(content, operation.body.required);
  const send = element("button", { class: "primary" }, "Send");
  const stop = element("button", { type: "button", hidden: true }, "Stop");
  const status = element("p", { class: "status", role: "status" });
  const output = element("div", {});
  const request = () => buildRequest(operation, fields, content?.[0], body);
  const copy = element("button", { type: "button", click: () => copyCurl(request(), status, output) }, "Copy as curl");
  const submit = async (event) => {
    event.preventDefault();
    const abort = new AbortController();
    stop.onclick = () => abort.abort();
    [send.disabled, stop.hidden] = [true, false];
    await sendRequest(request(), status, output, abort.signal);
    [send.disabled, stop.hidden] = [false, true];
  };
  return element("form", { class: "try", "aria-label": `Try ${operation.method} ${operation.path}`, submit },
    element("h3", {}, "Try it"),
    fields.map(({ parameter: { name, required }, control }) => labelled(required ? `${name} (required)` : name, control)),
    body ? labelled(`Body, ${content[0]}`, body) : null,
    element("div", { class: "actions" }, send, stop, copy), status, output);
}

/** What the form says, as a request: `{method, url, headers, body}`. Fields left empty are not sent. */
function buildRequest(operation, fields, type, bodyField) {
  const base = openapi.servers?.[0]?.url ?? "";
  let url = (base.startsWith("/") ? base.replace(/\/$/, "") : "") + operation.path;
  const query = new URLSearchParams();
  const headers = session ? { Authorization: `Bearer ${session.token}` } : {};
  for (const { parameter: { in: place, name, schema, explode }, control: { value } } of fields) {
    if (place === "path") url = url.replaceAll(`{${name}}`, encodeURIComponent(value));
    if (place === "header" && value) headers[name] = value;
    const values = settle(schema).type === "array" && explode !== false ? value.split(",") : [value];
    if (place === "query" && value) for (const one of values) query.append(name, one.trim());
  }
  const body = (bodyField?.type === "file" ? bodyField.files[0] : bodyField?.value) || undefined;
  if (body) headers["Content-Type"] = type;
  return { method: operation.method, url: query.size ? `${url}?${query}` : url, headers, body };
}

async function sendRequest({ method, url, headers, body }, status, output, signal) {
  output.replaceChildren();
  say(status, "Sending…");
  const began = performance.now();
  try {
    // No cookies, so that what is sent is what the page and the curl command show.
    const response = await fetch(url, { method, headers, body, signal, credentials: "omit" });
    const time = (performance.now() - began).toFixed(0);
    say(status, `${response.status} ${response.statusText} after ${time} ms`, !response.ok);
    output.append(headerList(response.headers));
    await showBody(response, output);
  } catch (error) {
    if (error.name === "AbortError") say(status, "Stopped");
    else say(status, `No answer: ${error.message}`, true);
  }
}

function headerList(headers) {
  const place = ([name]) => (FIRST_HEADERS.indexOf(name) + 1) || FIRST_HEADERS.length + 1;
  return element("dl", {}, [...headers].sort((one, other) => place(one) - place(other))
    .map(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

/** Shows text while it arrives, so that events can be watched; JSON is indented at its end. */
async function showBody(response, output) {
  const type = response.headers.get("content-type") ?? "";
  if (!response.body) return;
  if (!/json|text|xml|javascript/.test(type)) {
    const { size } = await response.blob();
    output.append(element("p", {}, size ? `${size} bytes, not shown` : "No body"));
    return;
  }
  const shown = element("pre", { tabindex: "0", "aria-label": "Response body" });
  output.append(shown);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value;
    shown.textContent = cut(text);
  }
  const answer = type.includes("json") ? parse(text) : undefined;
  if (answer !== undefined) shown.textContent = cut(JSON.stringify(answer, null, 2));
  // Signing up or switching answers with another session: the page can go on with it.
  if (typeof answer?.token !== "string" || answer.token === session?.token) return;
  const use = () => keepSession({ token: answer.token, email: answer.user?.email ?? "the new session" });
  output.prepend(element("p", {}, element("button", { type: "button", click: use }, "Use this session from now on")));
}

async function copyCurl({ method, url, headers, body }, status, output) {
  const data = body instanceof File ? `--data-binary ${quote(`@${body.name}`)}` : body && `--data-raw ${quote(body)}`;
  const named = Object.entries(headers).map(([name, value]) => `-H ${quote(`${name}: ${value}`)}`);
  const start = `curl -i ${method === "HEAD" ? "--head" : `-X ${method}`} ${quote(location.origin + url)}`;
  const command = [start, ...named, data].filter(Boolean).join(" \\\n  ");
  output.replaceChildren(element("pre", { tabindex: "0", "aria-label": "curl command" }, command));
  // A browser refuses the clipboard to a page that came over plain HTTP from another machine.
  const copied = await navigator.clipboard?.writeText(command).then(() => true, () => false);
  say(status, copied ? "Copied" : "Copy this command");
}

function keepSession(next) {
  session = next;
  sessionStorage.setItem(KEPT, JSON.stringify(next));
  byId("sign-in").hidden = Boolean(next);
  byId("signed-in").hidden = !next;
  byId("who").textContent = next ? `Signed in as ${next.email}.` : "";
  say(byId("session"), "");
}

async function signIn(event) {
  event.preventDefault();
  const email = byId("email").value;
  const body = JSON.stringify({ email, password: byId("password").value });
  const headers = { "Content-Type": "application/json" };
  say(byId("session"), "Signing in…");
  try {
    const response = await fetch("/v1/auth/sign-in", { method: "POST", headers, body, credentials: "omit" });
    const answer = parse(await response.text());
    if (!answer?.token) throw new Error(answer?.detail || answer?.title || `${response.status} ${response.statusText}`);
    byId("password").value = "";
    keepSession({ token: answer.token, email });
    byId("sign-out").focus();
  } catch (error) {
    say(byId("session"), `Not signed in: ${error.message}`, true);
  }
}

async function signOut() {
  const headers = { Authorization: `Bearer ${session.token}` };
  keepSession(null);
  byId("email").focus();
  const answer = await fetch("/v1/auth/sign-out", { method: "POST", headers, credentials: "omit" }).catch(() => null);
  if (!answer?.ok) say(byId("session"), "Forgotten here; the server did not confirm it.", true);
}

function applyFilter(all) {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const { operation, card } of all) {
    const { method, path, id, tag, summary } = operation;
    const text = [method, path, id, tag, summary].join(" ").toLowerCase();
    card.hidden = !words.every((word) => text.includes(word));
  }
  for (const group of byId("operations").children) group.hidden = !group.querySelector(".operation:not([hidden])");
  const shown = all.filter(({ card }) => !card.hidden).length;
  byId("count").textContent = `${words.length ? `${shown} of ` : ""}${all.length} operations`;
}

function openLinked() {
  const card = document.querySelector(`.operation[id="${CSS.escape(decodeURIComponent(location.hash.slice(1)))}"]`);
  if (!card) return;
  [card.hidden, card.parentElement.hidden, card.open] = [false, false, true];
  card.querySelector("summary").focus({ preventScroll: true });
  card.scrollIntoView();
}

function focusFilter(event) {
  const typing = event.target.closest("input, textarea, select");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  byId("filter").select();
}

function showDocument() {
  const { info: { title, version, description } = {}, tags = [] } = openapi;
  document.title = byId("title").textContent = title ?? "API";
  byId("version").textContent = version ?? "";
  byId("about").append(...prose(description));
  const all = operations().map((operation) => ({ operation, card: operationCard(operation) }));
  for (const tag of new Set([...tags.map(({ name }) => name), ...all.map(({ operation }) => operation.tag)])) {
    const cards = all.filter(({ operation }) => operation.tag === tag).map(({ card }) => card);
    const about = prose(tags.find(({ name }) => name === tag)?.description);
    if (cards.length) byId("operations").append(element("section", {}, element("h2", {}, tag), about, cards));
  }
  byId("filter").addEventListener("input", () => applyFilter(all));
  applyFilter(all);
  openLinked();
}

async function start() {
  keepSession(session);
  byId("sign-in").addEventListener("submit", signIn);
  byId("sign-out").addEventListener("click", signOut);
  document.addEventListener("keydown", focusFilter);
  addEventListener("hashchange", openLinked);
  const response = await fetch("/openapi.json").catch((error) => ({ status: error.message }));
  openapi = response.ok && parse(await response.text());
  if (openapi) return showDocument();
  const reason = `/openapi.json could not be read: ${response.status}`;
  byId("operations").append(element("p", { role: "alert" }, reason));
}

start();

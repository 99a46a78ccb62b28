// The format of figures and times. The page is in English, whatever the language of the browser.

const count = new Intl.NumberFormat("en");
const places = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const moment = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export const number = (value) => count.format(value);
export const counted = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;
export const milliseconds = (value) => `${value < 10 ? places.format(value) : number(Math.round(value))} ms`;
export const time = (text) => moment.format(new Date(text));

/** Bytes in the format of the service: 1 KiB is 1,024 B. Number and unit stay on one line. */
export function size(bytes) {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), 4);
  return `${places.format(bytes / 1024 ** power)}\u00a0${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

/** How long ago, roughly. */
export function since(text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, length]) => -seconds >= length) ?? [];
  return unit ? ago.format(Math.ceil(seconds / length), unit) : "just now";
}

/** The facts that the service found in a file, by its kind. */
export function facts({ rows, columns, words, width, height }) {
  if (rows != null) return `${counted(columns, "column")} × ${counted(rows, "row")}`;
  if (words != null) return counted(words, "word");
  return width != null ? `${number(width)} × ${number(height)} pixels` : null;
}

/** A short name of a kind of file, shown where there is no thumbnail. */
export function kind(contentType) {
  const name = contentType.split(";")[0].split("/").pop();
  return { plain: "TXT", "octet-stream": "BIN" }[name] ?? name.replace(/^x-/, "").slice(0, 4).toUpperCase();
}

const BROWSERS = [["Edg", "Edge"], ["OPR", "Opera"], ["Firefox", "Firefox"], ["Chrome", "Chrome"], ["Safari", "Safari"]];
const SYSTEMS = ["Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux"];

/** What a person calls a device, from what its browser calls itself. */
export function deviceName(agent) {
  const browser = BROWSERS.find(([mark]) => agent.includes(`${mark}/`))?.[1];
  const system = SYSTEMS.find((name) => agent.includes(name));
  if (browser) return system ? `${browser} on ${system}` : browser;
  return agent.slice(0, 40) || "An unknown device";
}

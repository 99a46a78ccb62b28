/** A part of a path. */
function segment(value: string | number | boolean | null): string {
  const text = String(value ?? "");
  // The address would be one of another operation.
  if (text === "" || text === "." || text === "..") throw new TypeError(`"${text}" cannot be a part of a path`);
  return encodeURIComponent(text);
}

/**
 * One text for one value: JSON without spaces, with the fields of each object in the order of their names, and dates as
 * ISO text. Fields that are undefined are not there. Two values that differ have different texts, even where JSON would
 * write them alike, as -0, or the Infinity that a reader makes of 1e999.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  return value instanceof Date ? JSON.stringify(value) : canonicalObject(value as Record<string, unknown>);
}

function canonicalObject(object: Record<string, unknown>): string {
  let text = "";
  for (const name of Object.keys(object).sort()) {
    const field = object[name];
    if (field === undefined) continue;
    text += `${text === "" ? "{" : ","}${quoted(name)}:${canonicalJson(field)}`;
  }
  return text === "" ? "{}" : `${text}}`;
}

/** Text that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

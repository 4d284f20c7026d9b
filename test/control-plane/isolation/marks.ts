/*
 * Marks tell whose a row is, whatever it says of its tenant: texts and figures that its owner alone has written, and
 * that no stranger ever passes in. Where one shows in what a stranger gets, a row has leaked.
 */

/** The owner of what holds for all tenants. */
export const GLOBAL_OWNER = 999;

const TEXT = /¤(\d+)¤/g;
const BAND = 770_000_000;
const BAND_END = 780_000_000;
const PER_OWNER = 1000;

/** A text that stands for an owner. */
export function markOf(owner: number): string {
  return `¤${owner}¤`;
}

/** A figure that stands for an owner, as does what comes of a few of them: an average, or how much a counter grew. */
export function figureOf(owner: number, n = 0): number {
  return BAND + owner * PER_OWNER + n;
}

/** A copy of plain data in which the marks of all owners are those of one: what a thief would pass in. */
export function remarked<T>(value: T, owner: number): T {
  if (typeof value === "string") return value.replaceAll(TEXT, markOf(owner)) as T;
  if (typeof value === "number") return (ownerOfFigure(value) === undefined ? value : figureOf(owner)) as T;
  if (value instanceof Date || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => remarked(each, owner)) as T;
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [remarked(name, owner), remarked(field, owner)]),
  ) as T;
}

/** Whose marks a value has, here or deeper: in names and values, in an error's message, details and cause. */
export function ownersIn(value: unknown): Set<number> {
  const owners = new Set<number>();
  collect(value, owners, new Set());
  return owners;
}

function collect(value: unknown, owners: Set<number>, seen: Set<object>): void {
  if (typeof value === "string") {
    if (value.includes("¤")) for (const [, owner] of value.matchAll(TEXT)) owners.add(Number(owner));
    return;
  }
  if (typeof value === "number") {
    const owner = ownerOfFigure(value);
    if (owner !== undefined) owners.add(owner);
    return;
  }
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Map || value instanceof Set) collect([...value], owners, seen);
  if (value instanceof Error) collect([value.message, value.cause, String(value)], owners, seen);
  if (value instanceof Date || ArrayBuffer.isView(value)) return;
  for (const [name, field] of Object.entries(value)) {
    collect(name, owners, seen);
    collect(field, owners, seen);
  }
}

function ownerOfFigure(value: number): number | undefined {
  if (!(value >= BAND && value < BAND_END)) return undefined;
  return Math.floor((value % 1_000_000) / PER_OWNER);
}

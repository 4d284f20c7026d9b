/** Turns arguments that a method takes into ones that it should not: all, one, or one thing deep within. */
import type { Random } from "../control-plane/audit/audit-random.ts";
import { revoked, shifting, trapping } from "./poison.ts";
import { trap } from "./traps.ts";
import { hostile } from "./values.ts";

/** Names of options of some call: each is unknown to most others. */
const NAMES: readonly string[] = [
  ...[
    "signal",
    "onProgress",
    "limit",
    "reverse",
    "prefix",
    "gt",
    "lte",
    "encoding",
    "validate",
    "size",
    "after",
  ],
  ...[
    "where",
    "to",
    "backup",
    "logger",
    "from",
    "step",
    "tenantId",
    "id",
    "__proto__",
    "constructor",
    "then",
  ],
];

/** @param make gives what may be put in the place of a thing */
export function mutated(args: readonly unknown[], random: Random, make = hostile): unknown[] {
  const copy = [...args];
  const kind = random.below(8);
  if (kind === 0 || copy.length === 0)
    return Array.from({ length: Math.max(copy.length, 1) + random.below(2) }, () => make(random));
  if (kind === 1) return [...copy, make(random)];
  const place = random.below(copy.length);
  copy[place] = kind <= 3 ? make(random) : spoilt(copy[place], random, make);
  return copy;
}

/** What is hostile already may not let itself be copied: then it is left as it is. */
function spoilt(value: unknown, random: Random, make: Make): unknown {
  try {
    return within(value, random, make, 0);
  } catch {
    return value;
  }
}

type Make = typeof hostile;

function within(value: unknown, random: Random, make: Make, depth: number): unknown {
  if (typeof value === "function") return random.below(2) === 0 ? make(random) : value;
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== prototypeOf(value))
    return make(random);
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  const names = Object.keys(copy);
  const name = names.length === 0 || random.below(5) === 0 ? random.pick(NAMES) : random.pick(names);
  if (depth < 3 && names.length > 0 && random.below(3) === 0)
    return set(copy, name, within(copy[name], random, make, depth + 1));
  return random.pick<() => unknown>([
    () => set(copy, name, make(random)),
    () => set(copy, name, make(random)),
    () => Object.defineProperty(copy, name, { get: trap, enumerable: true, configurable: true }),
    () => shifting(copy, name, [copy[name], make(random)], random),
    () => trapping(copy, random),
    () => revoked(copy),
    () => new Proxy(copy, {}),
    () => (Array.isArray(value) ? value.concat(make(random)) : Object.assign(Object.create(null), copy)),
    () => Object.create(copy) as unknown,
  ])();
}

const prototypeOf = (value: object): object => (Array.isArray(value) ? Array.prototype : Object.prototype);

function set(body: Record<string, unknown>, name: string, value: unknown): object {
  // Not an assignment: `__proto__` is to be a field of its own.
  return Object.defineProperty(body, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Values that no caller should pass, made anew for each call. */
import type { Random } from "../control-plane/audit/audit-random.ts";
import { poisoned, proxies } from "./poison.ts";
import { own, Trap, trap } from "./traps.ts";

type Make = (random: Random) => unknown;

/** Text that is no name, no key, no date, no number, or one that something beneath may listen to. */
const TEXTS: readonly string[] = [
  ...[
    "",
    "\0",
    "a\0b",
    "\ud800",
    "a\udc00b",
    "\uffff",
    "__proto__",
    "constructor",
    "toString",
    "~",
    "!",
    "0",
  ],
  ...["NaN", "-1", "2026-13-99T99:99:99Z", "[object Object]", "b", "k", "nested", "\u202e", "%00"],
];
const NUMBERS: readonly unknown[] = [
  ...[0, -0, 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 31, 2 ** 32],
  ...[2 ** 53, -(2 ** 53), Number.MAX_VALUE, 5e-324, 8.64e15, 8.64e15 + 1, 0n, -1n, 10n ** 60n],
];
const HUGE: readonly string[] = ["x".repeat(40_000), "é".repeat(20_000), "\ud800".repeat(33_000)];

const nestedIn = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = wrap(value);
  return value;
};

function cyclic(isArray: boolean): unknown {
  const value: unknown[] & Record<string, unknown> = (isArray ? [] : {}) as never;
  if (isArray) value.push(1, value);
  else Object.assign(value, { id: "1", value, list: [value] });
  return value;
}

/** A view of bytes that were given away. */
function detached(): Uint8Array {
  const bytes = new Uint8Array(16);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

const BYTES: readonly Make[] = [
  () => new Uint8Array(8),
  detached,
  () => detached().buffer,
  () => new Uint8Array(new SharedArrayBuffer(8)),
  () => new SharedArrayBuffer(8),
  () => new DataView(new ArrayBuffer(4)),
  () => Buffer.from("bytes"),
  () => new BigInt64Array(2),
  () => new Float64Array([Number.NaN]),
  () => Object.defineProperty(new Uint8Array(4), "length", { value: 2 ** 33 }),
];

/** Made by the prototype of something known: `instanceof` is deceived, and nothing else. */
const IMPOSTORS: readonly Make[] = [
  ...[Date, Uint8Array, AbortSignal, Map, Promise, RegExp, Error, Array, Function, ArrayBuffer].map(
    ({ prototype }) =>
      () =>
        Object.create(prototype as object) as unknown,
  ),
  () => new Proxy(new Date(0), {}),
  () => new Proxy(new Uint8Array(3), {}),
  () => new Proxy([1, "a"], {}),
  () => ({ aborted: true, reason: 1, addEventListener: () => undefined }),
];

class Shouted extends String {}
class Later extends Date {
  override getTime(): number {
    return Number.NaN;
  }
}
class Species extends Array<unknown> {
  static override get [Symbol.species](): never {
    return trap();
  }
}

const OBJECTS: readonly Make[] = [
  () => ({}),
  () => thenable(5),
  () => Object.create(null),
  () => Object.freeze({ id: "1" }),
  () => JSON.parse('{"__proto__":{"id":"x"},"constructor":1}'),
  () => ({ constructor: { name: 5 } }),
  () => ({ hasOwnProperty: 1, toString: 2, valueOf: 3, toJSON: 4, length: -1 }),
  () => ({ [Symbol("tag")]: 1, id: "1" }),
  () => cyclic(false),
  () => cyclic(true),
  () => nestedIn(600, (inner) => [inner]),
  () => nestedIn(20_000, (inner) => ({ inner })),
  () => Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`field ${n}`, n])),
  () => new Map([[1, 2]]),
  () => new Set([1]),
  () => new WeakMap(),
  () => new Shouted("text"),
  () => Object(1n),
  () => Object(Symbol("boxed")),
  () => /x/g,
  () => new URL("http://a.example/"),
  () => Promise.resolve({ id: "1" }),
  () => class A {},
  () => Math,
];

const ARRAYS: readonly Make[] = [
  () => [],
  () => new Array(3),
  () => new Array(2 ** 32 - 1),
  () => Object.assign(["k"], { map: () => trap() }),
  () => Object.assign(["k"], { map: () => [Symbol("mapped")], length: 2 }),
  () => Object.assign(["k"], { [Symbol.iterator]: () => ({ next: () => trap() }) }),
  () => Object.assign(["k"], { [Symbol.iterator]: () => ({ next: () => 5 }) }),
  () => Object.assign(["k"], { [Symbol.iterator]: undefined }),
  () => Species.from([1, "k"]),
  () => Object.defineProperty([1, 2], 0, { get: trap }),
  () => Object.assign(new Array(3), { 0: "k", 2: 1 }),
  () => Array.from({ length: 70 }, () => "x"),
];

const DATES: readonly Make[] = [
  () => new Date(Number.NaN),
  () => new Date(8.64e15),
  () => new Later(0),
  () => Object.assign(new Date(0), { getTime: trap, toISOString: trap, valueOf: trap, toJSON: trap }),
  () => Object.assign(new Date(0), { getTime: () => '0"J!', toISOString: () => 5, toJSON: () => ({}) }),
  () => Object.setPrototypeOf(new Date(0), null),
];

const ITERABLES: readonly Make[] = [
  () => iterable([{ id: "1" }, "k"], trap),
  () => iterable([], () => 5),
  () => ({ [Symbol.iterator]: () => ({ next: () => ({ done: true }), return: trap }) }),
  () => ({ [Symbol.asyncIterator]: trap }),
  () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(own(new Trap())) }) }),
  () => ({ [Symbol.asyncIterator]: () => ({ next: () => null }) }),
  () => ({ [Symbol.asyncIterator]: 5 }),
  () => ({ [Symbol.iterator]: () => 5 }),
];

/** Gives some items, and then does something else. */
function iterable(items: readonly unknown[], last: () => unknown): Iterable<unknown> {
  const rest = [...items];
  const next = () => (rest.length > 0 ? { done: false, value: rest.shift() } : last()) as never;
  return { [Symbol.iterator]: () => ({ next }) };
}

/** What passes for a promise. */
// biome-ignore lint/suspicious/noThenProperty: that is what it is about
const thenable = (then: unknown): unknown => Object.defineProperty({}, "then", { value: then });

/** Functions that fail, or whose results are what they should not be. */
const FUNCTIONS: readonly Make[] = [
  () => trap,
  () => () => Promise.reject(own(new Trap())),
  () => () => {
    throw own(undefined);
  },
  () => () => {
    throw own(
      Proxy.revocable(
        Object.assign(() => 1, {}),
        {},
      ).proxy,
    );
  },
  () => () => {
    throw own({ message: { toString: trap }, code: "KEY_INVALID" });
  },
  () => () => thenable(trap),
  () => Object.defineProperty(() => 1, "name", { get: trap }),
  () => async () => "done",
  (random) => {
    const given = hostile(random);
    // A result is awaited: what the language says then of a revoked proxy cannot be told from a fault of the library.
    return () => (isRevoked(given) ? undefined : given);
  },
];

function isRevoked(value: unknown): boolean {
  try {
    Array.isArray(value);
    return false;
  } catch {
    return true;
  }
}

const QUIET: readonly Make[] = [() => () => 5, () => () => thenable(5), () => function named() {}];

const KINDS: readonly (readonly Make[])[] = [
  TEXTS.map((text) => () => text),
  NUMBERS.map((number) => () => number),
  HUGE.map((text) => () => text),
  [() => undefined, () => null, () => true, () => false, () => Symbol("s"), () => Symbol.iterator],
  ...[BYTES, IMPOSTORS, OBJECTS, ARRAYS, DATES, ITERABLES, proxies, proxies, poisoned, poisoned],
];

/** A value that no caller should pass. */
export function hostile(random: Random): unknown {
  return random.pick(random.pick(random.below(8) === 0 ? [FUNCTIONS, QUIET] : KINDS))(random);
}

/** A function that does not throw, where what is thrown is by right nobody's. */
export function quietFunction(random: Random): unknown {
  return random.pick(QUIET)(random);
}

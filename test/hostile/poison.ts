/** Objects whose every use may throw or lie: proxies, getters, and the methods that conversions call. */
import type { Random } from "../control-plane/audit/audit-random.ts";
import { trap } from "./traps.ts";

type Make = (random: Random) => unknown;

const TRAPS: readonly (keyof ProxyHandler<object>)[] = [
  ...(["get", "set", "has", "ownKeys", "getOwnPropertyDescriptor", "getPrototypeOf"] as const),
  ...(["defineProperty", "deleteProperty", "isExtensible", "preventExtensions", "setPrototypeOf"] as const),
];

/** What a proxy stands for. */
const bodyOf = (random: Random): object =>
  random.pick<() => object>([
    () => ({ id: "1", tenantId: "a", limit: 2 }),
    () => [1, "k"],
    () => () => 1,
    () => new Date(0),
  ])();

/** A proxy with one trap, which throws when it was called a few times. */
export function trapping(body: object, random: Random): object {
  const name = random.pick(TRAPS);
  let left = random.below(3);
  const handler = (...args: unknown[]): unknown => {
    if (left-- <= 0) return trap();
    return (Reflect[name as keyof typeof Reflect] as (...args: unknown[]) => unknown)(...args);
  };
  return new Proxy(body, { [name]: handler });
}

/** A proxy that tells nothing but lies, some of which the language itself finds out. */
function lying(body: object): object {
  return new Proxy(body, {
    get: (_, name) => (name === "length" ? -1 : Symbol("lie")),
    has: () => true,
    ownKeys: () => ["id", "limit"],
    getOwnPropertyDescriptor: () => ({ value: 5, configurable: false, enumerable: true }),
    getPrototypeOf: () => Date.prototype,
  });
}

export function revoked(body: object): object {
  const { proxy, revoke } = Proxy.revocable(body, {});
  revoke();
  return proxy;
}

export const proxies: readonly Make[] = [
  (random) => trapping(bodyOf(random), random),
  (random) => revoked(bodyOf(random)),
  (random) => lying(bodyOf(random)),
  () => new Proxy({}, { getPrototypeOf: () => Array.prototype }),
  () => new Proxy({}, { getPrototypeOf: () => Uint8Array.prototype }),
  () => new Proxy({}, { getPrototypeOf: () => AbortSignal.prototype }),
  () => new Proxy({}, { getPrototypeOf: () => Error.prototype }),
];

const CONVERSIONS = ["toString", "valueOf", "toJSON", "message", "name", "constructor", "then"];
const SYMBOLS = [Symbol.toPrimitive, Symbol.toStringTag, Symbol.iterator, Symbol.asyncIterator];

/** Sets one property that conversions ask for; those that the caller can see are enumerable. */
function converted(random: Random, value: PropertyDescriptor): unknown {
  const body = random.pick<() => object>([() => ({ id: "1" }), () => ["k"], () => new Error("e")])();
  const name = random.pick<PropertyKey>([...CONVERSIONS, ...SYMBOLS]);
  return Object.defineProperty(body, name, { ...value, enumerable: random.below(2) === 0 });
}

/** A property that gives one thing first, and another then. */
export function shifting(
  body: object,
  name: PropertyKey,
  answers: readonly unknown[],
  random: Random,
): object {
  let left = 1 + random.below(3);
  const get = () => (left-- > 0 ? answers[0] : answers[1]);
  return Object.defineProperty(body, name, { get, enumerable: true, configurable: true });
}

export const poisoned: readonly Make[] = [
  (random) => converted(random, { get: trap }),
  (random) => converted(random, { value: trap }),
  (random) => converted(random, { value: () => ({}) }),
  (random) => converted(random, { value: () => Symbol("lie") }),
  (random) => converted(random, { value: 5 }),
  (random) => converted(random, { value: undefined }),
  (random) =>
    shifting({ id: "1" }, random.pick(["id", "limit", "signal", "name"]), ["1", Symbol("s")], random),
  () => Object.defineProperty({}, "id", { get: trap, enumerable: true }),
  () => Object.defineProperty({ id: "1" }, "hidden", { get: trap }),
];

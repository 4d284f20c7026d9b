/** Chance that follows from a seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 up to, but without, a limit. */
  below(limit: number): number {
    // Mulberry32.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** Two different places in a list. */
  two(length: number): readonly [number, number] {
    const first = this.below(length);
    return [first, (first + 1 + this.below(length - 1)) % length];
  }

  hex(length: number): string {
    return Array.from({ length }, () => this.below(16).toString(16)).join("");
  }

  /** A copy in which one field, here or deeper, has another value, is gone, or is new. */
  changed<T extends object>(object: T): T {
    const copy = structuredClone(object) as Record<string, unknown>;
    const name = this.pick(Object.keys(copy));
    const what = this.below(8);
    if (what === 0) delete copy[name];
    else if (what === 1) copy[`new${this.below(100)}`] = this.pick([null, 0, "", false, [], {}]);
    else copy[name] = this.#other(copy[name]);
    return copy as T;
  }

  /** As `changed`, but what makes up the chain stays: an entry that its tenant's chain can have. */
  changedWithin<T extends object>(entry: T): T {
    const changed = { ...entry } as Record<string, unknown>;
    const name = this.pick(["id", "userId", "action", "resource", "timestamp", "success"]);
    changed[name] = this.#other(changed[name]);
    return changed as T;
  }

  #other(value: unknown): unknown {
    if (this.below(6) === 0)
      return this.pick(
        [null, 1e9 + this.below(1e9), `x${this.hex(8)}`, [this.hex(4)]].filter((each) => each !== value),
      );
    if (typeof value === "boolean") return !value;
    if (typeof value === "number") return value + this.pick([-1, 1, 0.5, 1000]);
    if (typeof value === "string") return this.#otherText(value);
    if (Array.isArray(value))
      return value.length === 0 ? [null] : this.pick([value.slice(1), [...value, null]]);
    if (typeof value === "object" && value !== null && Object.keys(value).length > 0)
      return this.changed(value);
    return value === null ? 0 : null;
  }

  #otherText(text: string): string {
    const at = this.below(text.length);
    const character = text[at] === "0" ? "1" : "0";
    return this.pick([
      `${text}0`,
      `${text.slice(0, at)}${character}${text.slice(at + 1)}`,
      `${text.slice(0, at)}${text.slice(at + 1)}.`,
    ]);
  }
}

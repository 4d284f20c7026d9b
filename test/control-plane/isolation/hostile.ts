/** Makes arguments as a stranger would who knows all about the other tenants but what is theirs alone. */
import type { Random } from "../audit/audit-random.ts";
import { keyOf, MINUTE } from "../databases.ts";
import { SHARED_IDS, strangeIds } from "./ids.ts";
import { type Loot, START } from "./loot.ts";
import { markOf, remarked } from "./marks.ts";
import { answering, shifty, Trap, trapped } from "./traps.ts";

type Fields = Record<string, unknown>;

/** Names that no option and no record has, but that something beneath may listen to. */
const FOREIGN_NAMES = [
  "prefix",
  "gt",
  "gte",
  "lt",
  "lte",
  "limit",
  "where",
  "reverse",
  "scope",
  "constructor",
];

export class Hostile {
  readonly random: Random;
  readonly me: Loot;
  readonly #others: readonly Loot[];
  readonly #strange: readonly unknown[];

  constructor(random: Random, me: Loot, others: readonly Loot[]) {
    this.random = random;
    this.me = me;
    this.#others = others;
    this.#strange = strangeIds(others.map(({ tenantId }) => tenantId));
  }

  get mark(): string {
    return markOf(this.me.owner);
  }

  /** True once in so many times. */
  once(times: number): boolean {
    return this.random.below(times) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return this.random.pick(from);
  }

  other(): Loot {
    return this.pick(this.#others);
  }

  strange(): unknown {
    return this.pick(this.#strange);
  }

  /** An id of a record. @param mine ids that only the acting tenant has @param theirs the same of others */
  id(mine: readonly string[] = [], theirs: readonly string[] = []): unknown {
    const kind = this.random.below(12);
    if (kind === 0) return this.strange();
    if (kind === 1 && theirs.length > 0) return this.pick(theirs);
    if (kind < 8 && mine.length > 0) return this.pick(mine);
    if (kind === 2)
      return this.pick([...this.other().keyIds, ...this.other().sessionIds, this.other().tenantId]);
    return this.pick(SHARED_IDS);
  }

  keyId(): unknown {
    return this.id(this.me.keyIds, this.other().keyIds);
  }

  sessionId(): unknown {
    return this.id(this.me.sessionIds, this.other().sessionIds);
  }

  auditId(): unknown {
    return this.id(this.me.auditIds, this.other().auditIds);
  }

  email(): unknown {
    if (this.once(20)) return this.strange();
    return this.pick(this.once(4) ? this.other().emails : this.me.emails);
  }

  key(): unknown {
    return this.once(20) ? this.strange() : keyOf(this.random.below(20));
  }

  address(): unknown {
    if (this.once(20)) return this.strange();
    return this.pick(["10.10.0.", "::ffff:10.10.0."]) + this.random.below(20);
  }

  time(): unknown {
    if (this.once(20)) return this.strange();
    const date = new Date(START + this.random.below(200) * MINUTE);
    if (!this.once(20)) return date;
    // A date that says something else each time.
    const lies = answering([date.getTime(), Number.NaN, '0"J!', 9e15], this.random);
    return Object.assign(date, { getTime: lies, valueOf: lies, toISOString: () => String(lies()) });
  }

  granularity(): unknown {
    return this.once(20) ? this.strange() : this.pick(["minute", "minute", "hour", "day"]);
  }

  /** The text of a secret or token of the acting tenant or another, whole or changed. */
  secret(mine: readonly string[], theirs: readonly string[]): unknown {
    if (this.once(20)) return this.strange();
    const text = this.pick(this.once(2) ? mine : theirs);
    return this.once(8) ? this.#tampered(text) : text;
  }

  /** A page token. */
  pageToken(): unknown {
    if (this.once(10)) return this.strange();
    const text = this.pick((this.once(3) ? this.me : this.other()).pageTokens) ?? "none";
    return this.once(4) ? this.#tampered(text) : text;
  }

  #tampered(text: string): string {
    const at = this.random.below(text.length);
    const letter = this.pick(["A", "b", "0", "-", "."]);
    return this.pick([
      text.slice(0, at) + letter + text.slice(at + 1),
      text.slice(0, at),
      `${letter}${text}`,
      `${text}=`,
      `zz.${text.slice(text.indexOf(".") + 1)}`,
    ]);
  }

  /** Text labels or metadata. */
  labels(): unknown {
    return this.object(this.pick([{ of: "all" }, { of: "all" }, { whose: this.mark }, {}]));
  }

  /** A record of another tenant with marks of this one. */
  stolen(family: string): Fields {
    const records = this.other().records.get(family) ?? [];
    const { hash: _, sequence: _s, series: _t, ...record } = this.pick([...records, {}]) as Fields;
    return remarked(record, this.me.owner);
  }

  /** A record to be written, or fields of one, in one of many hostile guises. */
  input(fields: Fields): unknown {
    const kind = this.random.below(36);
    const { tenantId } = this.other();
    const own = this.pick([undefined, this.me.tenantId]);
    if (kind === 0) return { ...fields, tenantId };
    if (kind === 1) return { ...fields, tenantId: this.pick([null, "", 0, [this.me.tenantId], {}]) };
    if (kind < 5) return shifty({ ...fields, tenantId: own }, "tenantId", [own, tenantId], this.random);
    if (kind === 5) return { ...fields, tenantId: this.me.tenantId };
    return this.object(fields);
  }

  /** An object that has, inherits or makes up fields that nobody asked for. */
  object(fields: Fields): unknown {
    const { tenantId } = this.other();
    const planted = { tenantId, id: "1", prefix: [tenantId] };
    switch (this.random.below(30)) {
      case 0:
        return { ...fields, [this.pick(FOREIGN_NAMES)]: this.pick([[tenantId], tenantId, 1]) };
      case 1:
        return { ...fields, tenantId };
      case 2:
        return Object.assign(JSON.parse(`{"__proto__":${JSON.stringify(planted)}}`), fields);
      case 3:
        return Object.assign(Object.create(planted), fields);
      case 4:
        return Object.assign(Object.create(null), fields);
      case 5:
        return trapped(fields, this.random);
      case 6:
        return this.strange();
      case 7: {
        const name = this.pick(["id", ...Object.keys(fields)]);
        const values = [fields[name], this.pick(SHARED_IDS), this.strange()];
        return shifty(fields, name, values, this.random);
      }
      case 8:
        return new Proxy(fields, {
          // The names that are checked are not those that are read.
          ownKeys: answering([Reflect.ownKeys(fields), [...Reflect.ownKeys(fields), "prefix"]], this.random),
          getOwnPropertyDescriptor: (target, name) =>
            Reflect.getOwnPropertyDescriptor(target, name) ?? {
              ...{ value: [tenantId], enumerable: true, configurable: true, writable: true },
            },
        });
      default:
        return fields;
    }
  }

  /** An array, or what walks as one and gives something else. */
  list(items: unknown[], others: unknown[]): unknown {
    const kind = this.random.below(20);
    const give = () => others;
    if (kind === 0) return this.strange();
    if (kind === 1) return { length: 1, map: give };
    if (kind === 2) return Object.assign(items, { map: give, filter: give, slice: give, values: give });
    if (kind === 3) return Object.assign(items, { [Symbol.iterator]: () => others.values() });
    return items;
  }

  /** Options of a list. */
  page(fields: Fields = {}): unknown {
    const paged: Fields = {};
    for (const [name, value] of Object.entries(fields)) if (this.once(3)) paged[name] = value;
    if (this.once(2)) paged["size"] = this.once(10) ? this.strange() : 1 + this.random.below(4);
    if (this.once(2)) paged["after"] = this.pageToken();
    return this.once(10) ? undefined : this.object(paged);
  }

  /** Some of what a generator makes, in one of the ways in which many things are passed. */
  many(make: () => unknown): unknown {
    if (this.once(20)) return this.strange();
    const items = Array.from({ length: this.random.below(4) }, make);
    if (this.once(10)) {
      const late = Promise.resolve(make());
      const ignore = () => undefined;
      late.then(ignore, ignore);
      items.push(late);
    }
    if (this.once(20)) items.push(trapped({}, this.random));
    const stream = async function* () {
      yield* items;
    };
    const fails = async function* () {
      yield* items;
      throw new Trap();
    };
    return this.pick([() => items, () => items, () => new Set(items), stream, fails])();
  }

  work(): unknown {
    return this.once(10) ? this.object({}) : this.pick([undefined, {}]);
  }

  actor(): unknown {
    const agent = this.once(3) ? {} : { userAgent: this.mark };
    return this.object({ userId: this.pick([...SHARED_IDS, "root"]), ...agent });
  }
}

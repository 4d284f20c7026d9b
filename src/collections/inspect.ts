import type { Row } from "../engine/level.ts";
import { decodeKey } from "../keys/decode.ts";
import type { TransactionCore } from "../store/core.ts";
import { show } from "../store/options.ts";
import type { AccessPath } from "./access-path.ts";
import type { Definition, Index } from "./definition.ts";
import { type Entry, entriesOf, type Kept } from "./entries.ts";
import type { Layout, LiveIndex } from "./layout.ts";
import { keyOfEntry } from "./lookup-reader.ts";
import type { RecordProblem } from "./problem.ts";
import { holderOf, keptOf, keyOfPrimary, primaryOfRecord, primaryOfRow, rowKey } from "./record-codec.ts";
import { validate } from "./schema.ts";
import { readSlice, type Slice, type SliceBounds, sliceOf } from "./slices.ts";

/** An entry that a record is to have. */
interface Expected {
  readonly live: LiveIndex;
  readonly kept: Kept;
  readonly entry: Entry;
}

/**
 * Looks at a slice of a collection's rows, within one transaction: records against their entries and their schema,
 * entries against their records. In a writer it mends what it can.
 */
export class Inspector {
  readonly #core: TransactionCore;
  readonly #definition: Definition;
  readonly #layout: Layout;
  readonly #tell: (problem: RecordProblem) => void;

  constructor(
    core: TransactionCore,
    definition: Definition,
    layout: Layout,
    tell: (problem: RecordProblem) => void,
  ) {
    this.#core = core;
    this.#definition = definition;
    this.#layout = layout;
    this.#tell = tell;
  }

  /** Looks at the next records. @returns undefined at the end */
  async records(bounds: SliceBounds): Promise<Slice | undefined> {
    const { prefix } = this.#layout;
    const rows = await readSlice(this.#core, prefix, bounds);
    const expected: Expected[] = [];
    for (const [key, text] of rows) this.#record(key.slice(prefix.length), text as string, expected);
    const found = await this.#core.getMany(
      expected.map(({ live, entry }) => live.prefix + entry.key),
      "utf8",
    );
    for (const [i, value] of found.entries())
      await this.#compare(expected[i] as Expected, value as string | undefined);
    return sliceOf(rows, prefix);
  }

  #record(encodedKey: string, text: string, expected: Expected[]): void {
    const { name, schema } = this.#definition;
    const key = this.#rowKeyOf(encodedKey);
    if (key === undefined) {
      const message = "The row's key is no key of the collection.";
      this.#tell({ kind: "misplaced", index: undefined, key: encodedKey, message, mended: false });
      return;
    }
    const primary = primaryOfRow(this.#definition, encodedKey);
    let kept: Kept;
    try {
      kept = keptOf(this.#definition, text, primary);
    } catch (error) {
      this.#tell({ kind: "unreadable", index: undefined, key, message: show(error), mended: false });
      return;
    }
    const issues = validate(schema, kept.record, name);
    if (Array.isArray(issues)) {
      const message = issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
      this.#tell({ kind: "invalid", index: undefined, key, message, mended: false });
    }
    if (!this.#isPlaced(kept.record, primary)) {
      const message = "The fields of the primary key do not give the key of the row.";
      this.#tell({ kind: "misplaced", index: undefined, key, message, mended: false });
      return;
    }
    for (const live of this.#layout.indexes) {
      if (!live.ready) continue;
      for (const entry of this.#entries(live.index, kept, key)) expected.push({ live, kept, entry });
    }
  }

  /** The primary key that a row's key stands for; undefined where it is none of this collection. */
  #rowKeyOf(encodedKey: string): unknown {
    try {
      const key = decodeKey(encodedKey);
      const parts = Array.isArray(key) ? key.length : 0;
      return parts === (this.#definition.single ? 0 : this.#definition.key.length) ? key : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether a record has the key of its row: else it can have no entries. */
  #isPlaced(record: object, primary: string): boolean {
    try {
      return primaryOfRecord(this.#definition, record) === primary;
    } catch {
      return false;
    }
  }

  #entries(index: Index, kept: Kept, key: unknown): readonly Entry[] {
    try {
      return entriesOf(this.#definition, index, kept);
    } catch (error) {
      this.#tell({ kind: "invalid", index: index.name, key, message: show(error), mended: false });
      return [];
    }
  }

  async #compare({ live, kept, entry }: Expected, read: string | undefined): Promise<void> {
    // What was mended for a record before in this slice counts.
    const pending = this.#core.pending(live.prefix + entry.key);
    const value = pending === undefined ? read : ((pending ?? undefined) as string | undefined);
    if (value === entry.value) return;
    const { index } = live;
    const holder = value === undefined || !index.unique ? undefined : this.#holder(index, value);
    const key = keyOfPrimary(this.#definition, kept.primary);
    if (holder !== undefined && holder !== kept.primary && (await this.#has(live, entry, holder))) {
      const message = `The record ${JSON.stringify(keyOfPrimary(this.#definition, holder))} has the same value.`;
      this.#tell({ kind: "duplicate", index: index.name, key, message, mended: false });
      return;
    }
    const isMissing = value === undefined || (index.unique && holder !== kept.primary);
    const mended = this.#mend(live.prefix + entry.key, entry.value);
    const message = isMissing
      ? "The record has no entry."
      : "What the entry carries is not what the record has.";
    this.#tell({ kind: isMissing ? "missing" : "stale", index: index.name, key, message, mended });
  }

  #holder(index: Index, value: string): string | undefined {
    try {
      return holderOf(this.#definition, index, value);
    } catch {
      return undefined;
    }
  }

  /** Whether a record has an entry rightly. */
  async #has(live: LiveIndex, entry: Entry, primary: string): Promise<boolean> {
    const text = await this.#core.get(this.#layout.prefix + rowKey(this.#definition, primary), "utf8");
    return text !== undefined && this.#entitled(live.index, entry.key, text as string, primary);
  }

  #entitled(index: Index, entryKey: string, text: string, primary: string): boolean {
    try {
      const kept = keptOf(this.#definition, text, primary);
      if (!this.#isPlaced(kept.record, primary)) return false;
      return entriesOf(this.#definition, index, kept).some(({ key }) => key === entryKey);
    } catch {
      return false;
    }
  }

  /** Looks at the next entries of an index. @returns as {@link records} */
  async entries(path: AccessPath, bounds: SliceBounds): Promise<Slice | undefined> {
    const live = this.#layout.indexes.find(({ index }) => index === path.index);
    if (live?.ready !== true) return undefined;
    const rows = await readSlice(this.#core, live.prefix, bounds);
    const primaries = rows.map((row) => this.#primaryOfEntry(path, row));
    const texts = await this.#core.getMany(
      primaries.map((primary) => this.#layout.prefix + (primary ?? "")),
      "utf8",
    );
    for (const [i, [key]] of rows.entries()) {
      const text = texts[i] as string | undefined;
      this.#entry(live, key.slice(live.prefix.length), primaries[i], text);
    }
    return sliceOf(rows, live.prefix);
  }

  /** The encoded primary key in an entry; undefined where there is none to be found. */
  #primaryOfEntry(path: AccessPath, row: Row): string | undefined {
    try {
      const key = keyOfEntry(path, row);
      return this.#rowKeyOf(key) === undefined ? undefined : key;
    } catch {
      return undefined;
    }
  }

  #entry(live: LiveIndex, entryKey: string, encodedKey: string | undefined, text: string | undefined): void {
    const { index } = live;
    if (encodedKey !== undefined && text !== undefined) {
      const primary = primaryOfRow(this.#definition, encodedKey);
      if (this.#entitled(index, entryKey, text, primary)) return;
    }
    const kind = text === undefined ? "dangling" : "stale";
    const message =
      kind === "dangling"
        ? "The entry stands for no record."
        : "The record does not have the entry's values.";
    const key = text === undefined || encodedKey === undefined ? entryKey : decodeKey(encodedKey);
    const mended = this.#mend(live.prefix + entryKey, null);
    this.#tell({ kind, index: index.name, key, message, mended });
  }

  #mend(key: string, write: string | null): boolean {
    if (this.#core.writes === undefined) return false;
    this.#core.set(key, write);
    return true;
  }
}

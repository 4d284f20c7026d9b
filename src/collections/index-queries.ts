import { type Awaitable, chain } from "../awaitable.ts";
import type { Row } from "../engine/level.ts";
import { DatabaseError } from "../errors.ts";
import { decodeKey } from "../keys/decode.ts";
import type { Key } from "../keys/encode.ts";
import type { Range } from "../store/range.ts";
import type { RangeOptions } from "../store/range-options.ts";
import type { Place } from "./access-path.ts";
import { textToDates } from "./dates.ts";
import type { Index } from "./definition.ts";
import { encodeParts } from "./index-bounds.ts";
import { danglingEntry, keyOfEntry, keyStart } from "./lookup-reader.ts";
import { Queries } from "./queries.ts";
import { fromText } from "./record-codec.ts";
import type { CollectionTypes, IndexTypes } from "./types.ts";

/**
 * Reads the records of a collection by an index. A record without one of the index's fields, and one that its `where`
 * leaves out, is not met.
 */
export class IndexQueries<C extends CollectionTypes, I extends IndexTypes> extends Queries<
  C["record"],
  C["key"],
  I["key"]
> {
  /**
   * Reads the record that has a key of the index; where several have it, the first by primary key.
   *
   * @param key a whole key of the index
   * @returns the record, or undefined
   * @throws DatabaseError as {@link range}
   */
  get(key: I["key"]): Awaitable<C["record"] | undefined> {
    const { core, definition } = this.path;
    const index = this.path.index as Index;
    const parts = encodeParts(definition, index, key);
    if (parts.length !== index.on.length) {
      throw new DatabaseError(
        "KEY_INVALID",
        `get() takes a whole key [${index.on.join(", ")}] of the index ${JSON.stringify(index.name)}. Use first({ prefix }) for a part of one.`,
      );
    }
    const entryKey = `K${parts.join('"')}!`;
    if (!index.unique) return this.first({ gte: key, lte: key } as unknown as RangeOptions<I["key"]>);
    return chain(this.path.place(), (place) => {
      if (place === undefined) return undefined;
      const whole = place.prefix + entryKey;
      return chain(core.get(whole, "utf8"), (value) =>
        value === undefined ? undefined : this.#recordOf(place, [whole, value]),
      );
    });
  }

  #recordOf(place: Place, entry: Row): Awaitable<C["record"] | undefined> {
    const { index } = this.path;
    if (index?.include === "record") return this.decode(entry[1] as string);
    return chain(this.recordAt(place.records + keyOfEntry(this.path, entry)), (record) => {
      if (record === undefined) throw danglingEntry(this.path, entry);
      return record;
    });
  }

  /**
   * What the entries between two bounds carry: the fields that the index is on, the primary key's, and those included.
   * A multi-entry field shows as the one item that the entry is of, unless it is included whole. Cost: one walk, no
   * record is read.
   *
   * @throws DatabaseError as {@link range}
   */
  entries(options?: RangeOptions<I["key"]>): Range<I["entry"]> {
    const index = this.path.index as Index;
    if (index.include === "record")
      return this.rangeOf(options, { keys: false, values: true }, (row) => this.decode(row[1] as string));
    const values = index.unique || index.include !== undefined;
    return this.rangeOf(options, { keys: true, values }, (row) => this.#entryOf(index, row));
  }

  #entryOf(index: Index, [key, value]: Row): I["entry"] {
    const { definition } = this.path;
    const parts = decodeKey(key, keyStart(key)) as readonly Key[];
    const entry: Record<string, unknown> = {};
    index.on.forEach((field, i) => {
      entry[field] = parts[i];
    });
    if (index.include !== undefined) {
      const carried = fromText({ ...definition, dates: undefined }, value as string);
      Object.assign(entry, definition.dates === undefined ? carried : textToDates(carried, definition.dates));
    }
    // An entry of a unique index that includes fields has those of the primary key among them.
    if (index.unique && index.include !== undefined) return entry as I["entry"];
    const primary = index.unique ? (decodeKey(`K${value}!`) as readonly Key[]) : parts.slice(index.on.length);
    definition.key.forEach((field, i) => {
      entry[field] = primary[i];
    });
    return entry as I["entry"];
  }
}

import { DatabaseError } from "../errors.ts";
import {
  ALL_KEYS,
  afterPrefix,
  earlier,
  type Interval,
  type KeyBounds,
  later,
  successor,
} from "../keys/bounds.ts";
import { isArray, mapKeys, show } from "../store/options.ts";
import type { Definition, Index } from "./definition.ts";
import { encodeField } from "./entries.ts";

/**
 * Turns bounds on an index's key into one interval of its entries.
 *
 * Several records may share a key, so a bound that is a whole key stands for all entries that have it: `gt` leaves all
 * of them out, `lte` takes all in. A bound that is only a key's first parts sorts before what begins with them, as for
 * any tuple.
 *
 * @throws DatabaseError `KEY_INVALID` for a bound that is no key of the index
 */
export function toEntryInterval(definition: Definition, index: Index, bounds: KeyBounds): Interval {
  let { from, to } = ALL_KEYS;
  if (bounds.prefix !== undefined) ({ from, to } = prefixInterval(definition, index, bounds.prefix));
  const open = (bound: unknown) => `K${encodeParts(definition, index, bound).join('"')}`;
  const after = (bound: unknown) => {
    const isWhole = encodeParts(definition, index, bound).length === index.on.length;
    return isWhole ? `${open(bound)}#` : successor(`${open(bound)}!`);
  };
  if (bounds.gte !== undefined) from = later(from, `${open(bounds.gte)}!`);
  if (bounds.gt !== undefined) from = later(from, after(bounds.gt));
  if (bounds.lt !== undefined) to = earlier(to, `${open(bounds.lt)}!`);
  if (bounds.lte !== undefined) to = earlier(to, after(bounds.lte));
  return { from, to };
}

function prefixInterval(definition: Definition, index: Index, prefix: unknown): Interval {
  const parts = encodeParts(definition, index, prefix);
  if (parts.length === 0) return ALL_KEYS;
  const open = `K${parts.join('"')}`;
  // The prefix of an index over one field may be the beginning of a text.
  if (index.single && typeof prefix === "string") return { from: open, to: afterPrefix(open) };
  return { from: `${open}!`, to: `${open}#` };
}

/** The parts of an index's key, or of its beginning. */
export function encodeParts(definition: Definition, index: Index, key: unknown): string[] {
  const { on, single, name } = index;
  if (single) return [encodeField(definition, on[0] as string, key)];
  if (isArray(key) && key.length <= on.length) {
    let place = 0;
    return mapKeys(key, `the index ${JSON.stringify(name)}`, (part) =>
      encodeField(definition, on[place++] as string, part),
    );
  }
  throw new DatabaseError(
    "KEY_INVALID",
    `A key of the index ${JSON.stringify(name)} of ${JSON.stringify(definition.name)} is a tuple [${on.join(", ")}] or its beginning, got ${isArray(key) ? `${key.length} parts` : show(key)}.`,
  );
}

import { DatabaseError } from "../errors.ts";
import type { Level } from "./level.ts";

/** What an engine can do; the store asks this, never which engine it is. */
export interface EngineManifest {
  /** Point reads without a trip to another thread. */
  readonly getSync: boolean;
  /** Reads at a moment while writes go on. Without it, commits wait for views and views for commits. */
  readonly snapshots: boolean;
  /** Data outlives the process, so that `sync` means something. */
  readonly permanence: boolean;
  /** Space of deleted rows can be given back on request. */
  readonly compactRange: boolean;
  /** The bytes of a key range can be told without reading it. */
  readonly approximateSize: boolean;
}

/** The optional methods that a manifest announces. */
export interface MaintainedLevel extends Level {
  compactRange(from: string, to: string, options: { keyEncoding: "utf8" }): Promise<void>;
  approximateSize(from: string, to: string, options: { keyEncoding: "utf8" }): Promise<number>;
}

/** Reads an abstract-level database's own manifest. */
export function manifestOf(level: Level): EngineManifest {
  const supports: { getSync?: boolean } & Level["supports"] = level.supports;
  const methods = supports.additionalMethods;
  return {
    getSync: supports.getSync === true,
    snapshots: supports.explicitSnapshots === true,
    permanence: supports.permanence,
    compactRange: methods["compactRange"] === true,
    approximateSize: methods["approximateSize"] === true,
  };
}

/** What the keys of the probe begin with; a crash amid it may leave them behind. */
export const PROBE = "!~probe!";
/** U+10000 follows U+FFFF in UTF-8 and in code points, but precedes it in UTF-16 units. */
const PROBE_KEYS = [`${PROBE}\uffff`, `${PROBE}\u{10000}`];

/**
 * Makes sure that an engine orders keys by their UTF-8 bytes, on which every range depends.
 *
 * @throws DatabaseError `ENGINE_UNSUITABLE` where it does not, as memory-level with the storeEncoding "utf8"
 */
export async function probeOrder(level: Level): Promise<void> {
  await level.batch(
    PROBE_KEYS.map((key) => ({ type: "put", key, value: "", keyEncoding: "utf8", valueEncoding: "utf8" })),
  );
  const found = await level.keys<string>({ gte: PROBE, lt: '!~probe"', keyEncoding: "utf8" }).all();
  await level.batch(PROBE_KEYS.map((key) => ({ type: "del", key, keyEncoding: "utf8" })));
  if (found[0] === PROBE_KEYS[0] && found[1] === PROBE_KEYS[1]) return;
  throw new DatabaseError(
    "ENGINE_UNSUITABLE",
    "The engine does not order keys by their UTF-8 bytes. Let it store keys as bytes (memory-level: storeEncoding 'buffer').",
  );
}

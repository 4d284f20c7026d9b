import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findLive, manifestName } from "../../../src/engine/leveldb/live-files.ts";
import { isLogLost } from "../../../src/engine/leveldb/lost-log.ts";
import { readManifest } from "../../../src/engine/leveldb/manifest-file.ts";
import { usePlaces } from "../../helpers/places.ts";

const places = usePlaces();

/** A store all of which is in tables, and the sequence number of its last write. */
async function compacted() {
  const directory = places.path("store");
  const store = await places.open(directory, { durability: "relaxed" });
  await store.update(async (tx) => {
    const bucket = await tx.createBucket("b");
    for (let i = 0; i < 500; i++) await bucket.put(i, i);
  });
  await store.compact();
  await store.close();
  const names = await readdir(directory);
  const current = manifestName(directory, await readFile(join(directory, "CURRENT"), "latin1"));
  const state = readManifest(current, await readFile(join(directory, current)), true);
  const { tables } = findLive(directory, state, names);
  return { directory, tables, last: state.lastSequence };
}

test("an empty log before one with batches is nothing, where tables have all that was written before", async () => {
  const { directory, tables, last } = await compacted();
  const path = join(directory, "000100.log");
  expect(last).toBeGreaterThan(500);
  for (const sequence of [1, 2, last, last + 1])
    expect(isLogLost(directory, tables, { path, sequence })).toBe(false);
  expect(isLogLost(directory, [], { path, sequence: 1 })).toBe(false);
});

test("it is damage, where batches before the next log's are in no table", async () => {
  const { directory, tables, last } = await compacted();
  const start = { path: join(directory, "000100.log"), sequence: last + 2 };
  expect(isLogLost(directory, tables, start)).toBe(true);
  expect(isLogLost(directory, [], { ...start, sequence: 2 })).toBe(true);
});

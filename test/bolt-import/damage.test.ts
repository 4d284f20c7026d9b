import { writeFile } from "node:fs/promises";
import { DatabaseError, importBolt } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { afterAll, describe, expect, test } from "vitest";
import { openBolt } from "../../src/bolt/bolt-file.ts";
import { randomBy } from "../bolt/damage.ts";
import { sample } from "../bolt/edits.ts";
import { Layout } from "../bolt/layout.ts";
import { linesOf } from "../bolt/lines.ts";
import { soon, usePlaces } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";
import { formsOf, linesOfStore, topsOf } from "./imported.ts";

const SEED = Number(process.env["MESHGATE_SEED"] ?? Date.now() % 2 ** 32);
const DAMAGES = Number(process.env["MESHGATE_IMPORT_DAMAGES"] ?? 150);
const IMPORT_MS = 10_000;

/** What the reader gives of a file; undefined where it refuses it. */
async function readBy(path: string): Promise<string[] | undefined> {
  try {
    await using file = await openBolt(path);
    return await linesOf(file);
  } catch {
    return undefined;
  }
}

describe("of a file with one byte changed, or cut, all that the reader gives is imported, or nothing at all", () => {
  const places = usePlaces();
  const counts = { whole: 0, damaged: 0, refused: 0 };
  afterAll(() => console.log(`Imports of damaged files (MESHGATE_SEED=${SEED}):`, counts));

  /** Imports the file into an empty store. */
  async function tryImport(path: string, what: string): Promise<void> {
    const store = await places.open(new MemoryLevel<string, string>());
    const lines = await readBy(path);
    const rule = () => ({ sequence: false });
    const outcome = await soon(
      () => importBolt(path, store, { rule }).catch((error: unknown) => error),
      IMPORT_MS,
      what,
    );
    if (outcome instanceof Error) {
      expect(outcome, what).toBeInstanceOf(DatabaseError);
      const { code } = outcome as DatabaseError;
      if (lines === undefined) expect(code, what).toMatch(/^BOLT_(DAMAGED|INVALID)$/);
      else expect(code, `${what}: ${outcome.message}`).toMatch(/^(KEY_REQUIRED|BUCKET_NAME_\w+)$/);
      counts[lines === undefined ? "damaged" : "refused"] += 1;
      expect(await topsOf(store), what).toEqual([]);
    } else {
      const expected = (lines as string[]).map((line) => line.replace(/^(B \d+ \w+) \d+$/, "$1 0"));
      expect(await linesOfStore(store, formsOf(expected)), what).toEqual(expected);
      counts.whole += 1;
    }
    await expectSound(store);
    await store.close();
  }

  test("as often as not where the structure is", async () => {
    const path = places.path("damaged.db");
    const bytes = await sample();
    const structure = new Layout(bytes).positions();
    const random = randomBy(SEED);
    const below = (limit: number) => Math.floor(random() * limit);
    for (let i = 0; i < DAMAGES; i++) {
      const damaged = Buffer.from(bytes);
      const at = random() < 0.5 ? (structure[below(structure.length)] as number) : below(bytes.length);
      damaged[at] = ((bytes[at] as number) + 1 + below(255)) % 256;
      const cut = random() < 0.1;
      await writeFile(path, cut ? bytes.subarray(0, at) : damaged);
      await tryImport(path, `seed ${SEED}, damage ${i}: ${cut ? "cut at" : `${damaged[at]} at`} ${at}`);
    }
    expect(counts.whole).toBeGreaterThan(0);
    expect(counts.damaged).toBeGreaterThan(0);
  });
});

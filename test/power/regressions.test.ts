import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openStore, type Store } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import { type AnyLevel, tap } from "../helpers/levels.ts";
import { usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";

const places = usePlaces();

async function reclaimed(store: Store, rowsLeft: () => Promise<number>): Promise<void> {
  await store.update((tx) => tx.deleteBucket("rows"));
  await expect.poll(rowsLeft, { timeout: 20_000 }).toBe(0);
}

describe("what simulated power cuts have found", () => {
  // A delete that was left in an older log, and the mark's in a newer one: the rows came back, in no bucket.
  test("rows of a deleted bucket are deleted durably before the mark that tells of them", async () => {
    const level = new ClassicLevel<string, string>(places.path("db"));
    const { written } = tap(level as AnyLevel);
    const store = await places.open(level);
    await store.update(async (tx) => {
      const rows = await tx.createBucket("rows");
      for (let i = 0; i < 2000; i++) await rows.put(i, i);
    });
    const marks = () => level.keys({ gte: "!~sublevels!", lt: '!~sublevels"' }).all();
    await reclaimed(store, async () => (await marks()).length);
    const purges = written.filter(({ deletes }) => deletes.some((key) => key.startsWith("!rows!")));
    expect(purges.length).toBeGreaterThan(2);
    expect(purges.map(({ sync }) => sync)).toEqual(purges.map(() => true));
    // LevelDB forgets deletes. Ended by one, a log would leave no trace in the tables, and the next log's beginning
    // would look as if batches before it had been lost.
    expect(purges.map(({ puts }) => puts.length)).toEqual(purges.map(() => 1));
  });

  describe("a store whose first open was cut off", () => {
    /** What is there between CURRENT's renaming and the first sync: a manifest that may have lost its data. */
    const cutOff = (manifest: string): string => {
      const directory = places.path("db");
      mkdirSync(directory);
      writeFileSync(join(directory, "CURRENT"), "MANIFEST-000001\n");
      writeFileSync(join(directory, "MANIFEST-000001"), manifest);
      writeFileSync(join(directory, "000003.log"), "");
      return directory;
    };

    test.each([
      ["empty", ""],
      ["zeros", "\0".repeat(41)],
    ])("is made anew (its manifest: %s)", async (_, manifest) => {
      const directory = cutOff(manifest);
      const store = await places.open(directory);
      await store.update(async (tx) => (await tx.createBucket("rows")).put(1, 1));
      await expectSound(store);
      await store.close();
      expect(readFileSync(join(directory, "CURRENT"), "utf8")).not.toBe("MANIFEST-000001\n");
    });

    test("is made anew where CURRENT was not yet there", async () => {
      const directory = cutOff("");
      rmSync(join(directory, "CURRENT"));
      await expectSound(await places.open(directory));
    });

    test("is no store for whoever may not make one", async () => {
      const directory = cutOff("");
      await expectRefused(["STORE_NOT_FOUND", "STORE_DAMAGED"], () =>
        openStore(directory, { readOnly: true }),
      );
      expect(readFileSync(join(directory, "CURRENT"), "utf8")).toBe("MANIFEST-000001\n");
    });

    test("is refused where a file has data", async () => {
      const directory = cutOff("");
      writeFileSync(join(directory, "000003.log"), "data");
      await expectRefused("STORE_DAMAGED", () => openStore(directory));
      expect(readFileSync(join(directory, "000003.log"), "utf8")).toBe("data");
    });
  });
});

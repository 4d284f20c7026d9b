/** How users of other stores were hurt, told again with this one. */
import { collection, type DatabaseError, eachRow, migrations, type Transaction } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { expectRefused, filled, numbered } from "../helpers/stores.ts";
import { bucketStep, migrateHalf, rowsOf, useEngine } from "./engines.ts";

const peers = collection({
  name: "peers",
  schema: z.object({ id: z.string(), key: z.string(), group: z.string().default("all") }),
  key: "id",
  indexes: { key: { on: "key", unique: true } },
});
const peersByGroup = collection({
  name: "peers",
  schema: z.object({ id: z.string(), key: z.string(), group: z.string().default("all") }),
  key: "id",
  indexes: { key: { on: "key", unique: true }, group: { on: "group" } },
});
const withoutBackup = { backup: false } as const;

describe("what has happened elsewhere", () => {
  const engines = useEngine("classic-level");

  test("a migration was applied in part, and there was no way back", async () => {
    const { store } = await engines.open();
    await filled(store, "routes", numbered(5));
    const list = migrations([
      {
        version: 1,
        description: "routes become nodes",
        up: async (tx) => {
          const nodes = await tx.createBucket("nodes");
          for (const [key, value] of (await (await tx.bucket("routes"))?.range().toArray()) ?? []) {
            if (key === 3) throw new Error("Route 3 has no node.");
            await nodes.put(key, value);
          }
          await tx.deleteBucket("routes");
        },
      },
    ]);
    const error: DatabaseError = await list.migrate(store).catch((thrown) => thrown);
    expect(error.code).toBe("MIGRATION_FAILED");
    expect(await rowsOf(store, "routes")).toEqual(numbered(5));
    expect(await rowsOf(store, "nodes")).toBeUndefined();
    const copy = await engines.places.open(error.details?.["backup"] as string);
    expect(await rowsOf(copy, "routes")).toEqual(numbered(5));
  });

  test("a failed migration left things behind that blocked its own retry", async () => {
    const { store } = await engines.open();
    let runs = 0;
    const list = migrations([
      {
        version: 1,
        description: "peers",
        up: async (tx) => {
          // Neither is prepared to find what it makes.
          const bucket = await tx.createBucket("tags");
          await bucket.put(await bucket.nextSequence(), "tag");
          await peers.in(tx).insert({ id: "1", key: "k" });
          if (++runs < 3) throw new Error("Not yet.");
        },
      },
    ]);
    for (let i = 0; i < 2; i++)
      await expectRefused("MIGRATION_FAILED", () => list.migrate(store), "Not yet.");
    await list.migrate(store);
    expect(await rowsOf(store, "tags")).toEqual([[1, "tag"]]);
    expect(await peers.verify(store)).toMatchObject({ ok: true, records: 1 });
  });

  test("an upgrade refused to start, since an index was there already", async () => {
    const { store } = await engines.open();
    await store.update((tx) => peers.in(tx).insert({ id: "1", key: "k" }));
    // Built by hand, or by a release that was taken back.
    await peersByGroup.build(store);
    const list = migrations([
      {
        version: 1,
        description: "peers have groups",
        up: (tx: Transaction) => peersByGroup.in(tx).update("1", { group: "admins" }),
      },
    ]);
    await list.migrate(store, withoutBackup);
    expect(await peersByGroup.build(store)).toMatchObject({ built: [] });
    const found = await store.view((tx) =>
      peersByGroup.in(tx).by("group").range({ prefix: "admins" }).toArray(),
    );
    expect(found).toMatchObject([{ id: "1" }]);
  });

  test("an upgrade that was interrupted was skipped at the next start", async () => {
    const opened = await engines.open();
    await filled(opened.store, "tables", numbered(10));
    const up = eachRow<string, number>("tables", ([key, value], { bucket }) => bucket.put(key, `${value}!`), {
      size: 3,
    });
    const list = migrations([{ version: 1, description: "loud", up }, bucketStep(2, "next")]);
    await migrateHalf(opened.store, list, withoutBackup);
    const { store } = await engines.reopen(opened);
    await expectRefused("BUCKET_MIGRATING", () => store.view((tx) => tx.bucket("tables")));
    expect(await list.migrate(store)).toMatchObject({ from: 0, to: 2 });
    expect((await rowsOf(store, "tables"))?.map(([, value]) => value)).toEqual(
      numbered(10).map(([, value]) => `${value}!`),
    );
  });

  test("a hotfix between two releases was reported as corruption", async () => {
    const { store } = await engines.open();
    await migrations([bucketStep(1, "one"), bucketStep(2, "two")]).migrate(store);
    const withHotfix = [bucketStep(1, "one"), bucketStep(2, "hotfix"), bucketStep(3, "two")];
    const error: DatabaseError = await migrations(withHotfix)
      .migrate(store)
      .catch((thrown) => thrown);
    expect(error.code).toBe("MIGRATION_MISMATCH");
    for (const part of ['1 "one", 2 "two"', '1 "one", 2 "hotfix", 3 "two"', "another order"])
      expect(error.message).toContain(part);
    const atTheEnd = migrations([bucketStep(1, "one"), bucketStep(2, "two"), bucketStep(3, "hotfix")]);
    expect(await atTheEnd.migrate(store, withoutBackup)).toMatchObject({ from: 2, to: 3 });
  });

  test("a rebuilt table took rows of others with it, and nobody was told", async () => {
    const { store } = await engines.open();
    await store.update(async (tx) => {
      const teams = await tx.createBucket("teams");
      await teams.put("a", { name: "A" });
      await (await teams.createBucket("members")).put("m", 1);
    });
    const list = migrations([
      {
        version: 1,
        description: "teams are made anew",
        up: async (tx) => {
          await tx.deleteBucket("teams");
          await (await tx.createBucket("teams")).put("a", { title: "A" });
        },
      },
    ]);
    const [report] = await list.dryRun(store);
    expect(report?.buckets).toEqual({
      teams: { put: 1, deleted: 1 },
      "teams/members": { put: 0, deleted: 1 },
    });
  });

  test("several instances started at once, and all migrated", async () => {
    const { store } = await engines.open();
    let runs = 0;
    const list = () => migrations([{ version: 1, description: "once", up: () => runs++ }]);
    await Promise.all(Array.from({ length: 8 }, () => list().migrate(store)));
    expect(runs).toBe(1);
  });
});

/** What the fuzz has found, each by itself. */
import {
  DatabaseManager,
  decodeKey,
  eachRow,
  migrations,
  openBolt,
  openStore,
  type Store,
} from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { beforeEach, describe, expect, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { expectRefused } from "../helpers/stores.ts";
import { revoked } from "./poison.ts";
import { furnished, schema, thing, things } from "./rows.ts";

const places = usePlaces();
const untyped = (value: unknown): never => value as never;
const throwing = (name: string) =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get: () => {
      throw new Error("from the getter");
    },
  });

describe("a store", () => {
  let store: Store;
  beforeEach(async () => {
    store = await furnished();
    places.later(() => store.close());
  });

  test("refuses options that cannot be read, with what they threw as the cause", async () => {
    await store.view(async (tx) => {
      const b = await tx.bucket("b");
      for (const options of [revoked({}), throwing("limit"), new Proxy({}, { ownKeys: () => [5 as never] })])
        await expectRefused(
          "OPTION_INVALID",
          () => b?.range(untyped(options)).toArray(),
          "could not be read",
        );
      await expectRefused("OPTION_INVALID", () => b?.range({ limit: untyped(revoked({})) }).toArray());
      await expectRefused("OPTION_INVALID", () => tx.bucket("b", untyped(revoked({}))));
      await expectRefused("OPTION_INVALID", () => things.in(tx).pages(untyped(Object.create(Map.prototype))));
    });
    await expectRefused("OPTION_INVALID", () => store.begin(untyped(revoked({}))));
    const signal = Object.create(AbortSignal.prototype) as AbortSignal;
    await expectRefused("OPTION_INVALID", () => store.update(() => undefined, { signal }), "signal");
  });

  test("refuses keys that cannot be read, or are no dates though they pass for such", async () => {
    await store.update(async (tx) => {
      const b = await tx.bucket("b");
      for (const key of [revoked([]), new Proxy(new Date(0), {}), Object.create(Date.prototype)]) {
        for (const bad of [key, ["t", key]]) {
          await expectRefused("KEY_INVALID", () => b?.get(untyped(bad)));
          await expectRefused("KEY_INVALID", () => b?.put(untyped(bad), 1));
        }
        await expectRefused("KEY_INVALID", () => things.in(tx).get(untyped(["a", key])));
        await expectRefused("KEY_INVALID", () =>
          things
            .in(tx)
            .by("tag")
            .get(untyped(["a", key])),
        );
      }
      await expectRefused("SEQUENCE_INVALID", () => b?.setSequence(untyped("x".repeat(1e6))), /^.{1,300}$/);
      await expectRefused("STORE_DIFFERENT", () => tx.moveBucket("nested", untyped(revoked({})), tx));
    });
  });

  test("asks no list of keys for its own map, iterator or species", async () => {
    await store.view(async (tx) => {
      const b = await tx.bucket("b");
      const lists = [
        Object.assign(["k"], { map: () => [Symbol("no key")] }),
        Object.assign(["k"], { [Symbol.iterator]: 5 }),
        Object.assign(["k"], { constructor: { [Symbol.species]: 5 } }),
      ];
      for (const list of lists) expect(await b?.getMany(list as string[])).toEqual([{ a: [1, null, "x"] }]);
      // Not a walk over four thousand million holes.
      await expectRefused("KEY_INVALID", () => b?.getMany(new Array(2 ** 32 - 1)), "hole");
      const bound = Object.assign(["a", "x"], { map: () => ['Jb"Jx'] });
      const index = things.in(tx).by("tag");
      const found = await index.range({ prefix: untyped(bound) }).toArray();
      expect(found.map(({ tenant }) => tenant)).toEqual(["a", "a", "a", "a"]);
    });
  });

  test("refuses bytes that are none any more, or only pass for such", async () => {
    const gone = new Uint8Array(4);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    await store.update(async (tx) => {
      const bytes = await tx.bucket("bytes", { encoding: "bytes" });
      for (const bad of [gone, Object.create(Uint8Array.prototype), new Proxy(new Uint8Array(1), {})])
        await expectRefused("VALUE_INVALID", () => bytes?.put("new", bad as Uint8Array));
      expect(await bytes?.has("new")).toBe(false);
    });
  });

  test("refuses records and patches that cannot be read, and bulk calls of what has no iterator", async () => {
    await store.update(async (tx) => {
      const records = things.in(tx);
      const bad = { ...thing(9), tenant: revoked({}) };
      // zod asks a value that throws once more, and waits for it.
      await expectRefused("COLLECTION_INVALID", () => records.put(untyped(bad)), "or throws");
      await expectRefused("RECORD_INVALID", () => records.update(["a", "1"], untyped(revoked({}))));
      await expectRefused(
        "RECORD_INVALID",
        () => records.update(["a", "1"], untyped(throwing("tags"))),
        "could not be read",
      );
      await expectRefused("COLLECTION_INVALID", () => records.putMany([untyped(revoked({}))]));
      const noIterators = [
        { [Symbol.asyncIterator]: 5 },
        { [Symbol.iterator]: () => ({}) },
        Object.create(Map.prototype),
        revoked([]),
      ];
      for (const none of noIterators)
        await expectRefused("OPTION_INVALID", () => records.deleteMany(untyped(none)), "iterable");
      expect(await records.count()).toBe(4);
    });
  });

  test("never ends on its own what never ends, but by a signal", async () => {
    const abort = new AbortController();
    let given = 0;
    async function* endless() {
      for (; ; given++) {
        if (given === 1000) abort.abort();
        yield thing(given);
      }
    }
    await store
      .update(async (tx) => {
        await expectRefused("ABORTED", () => things.in(tx).putMany(endless(), { signal: abort.signal }));
        throw new Error("rolled back on purpose");
      })
      .catch(() => undefined);
    expect(given).toBeLessThan(2000);
    expect(await store.view((tx) => things.in(tx).count())).toBe(4);
  });

  test("is told from what only looks like one", async () => {
    const looks = [5, undefined, {}, revoked({}), Object.create(Object.getPrototypeOf(store) as object)];
    for (const bad of looks.map(untyped)) {
      await expectRefused("OPTION_INVALID", () => things.build(bad), "takes a store");
      await expectRefused("OPTION_INVALID", () => things.verify(bad), "takes a store");
      await expectRefused("OPTION_INVALID", () => schema.migrate(bad), "takes a store");
      await expectRefused("OPTION_INVALID", () => schema.status(bad), "takes a store");
      await expectRefused("OPTION_INVALID", () => things.in(bad), "takes a transaction");
    }
  });
});

test("functions that need no store refuse what they cannot read", async () => {
  for (const bad of [5, undefined, revoked({}), Buffer.from("path"), Symbol("s")].map(untyped)) {
    await expectRefused("PATH_INVALID", () => openBolt(bad));
    await expectRefused("OPTION_INVALID", () => openStore(bad));
    await expectRefused("DATA_CORRUPT", () => decodeKey(bad));
    await expectRefused("MIGRATION_INVALID", () => migrations(bad));
  }
  const steps = Object.assign([{ version: 1, description: "one", up: () => undefined }], { map: () => [5] });
  const store = await openStore(new MemoryLevel());
  places.later(() => store.close());
  expect(await migrations(steps).migrate(store)).toMatchObject({ to: 1 });
  await expectRefused("OPTION_INVALID", () => eachRow("b", () => 1, { affects: untyped(5) }), "affects");
});

describe("a control plane's database", () => {
  const open = async () => {
    const db = await DatabaseManager.open(new MemoryLevel<string, string>(), { retention: false });
    places.later(() => db.close());
    return db;
  };

  test("leaves no tenant behind where the write that made it was refused, and the transaction goes on", async () => {
    const db = await open();
    await db.saveUser({ id: "u", email: "taken@a.example", tenantId: "a" });
    await db.update(async (tx) => {
      const user = { id: "u", email: "taken@a.example", tenantId: "new" };
      await expectRefused("UNIQUE_VIOLATION", () => tx.saveUser(user));
      await expectRefused("RECORD_INVALID", () => tx.saveNode(untyped({ id: 5, tenantId: "new" })));
      await tx.saveUser({ id: "v", email: "v@b.example", tenantId: "b" });
    });
    expect(await db.getTenant("new")).toBeUndefined();
    expect(await db.getTenantQuota("new")).toBeUndefined();
    expect((await db.listTenants()).map(({ id }) => id)).not.toContain("new");
    expect(await db.tenant("b").quota.verify()).toMatchObject({ ok: true });
  });

  test("reads a tenant once, whatever it says the second time", async () => {
    const db = await open();
    await db.saveTenant({ id: "a", name: "A", nodeLimit: 1 });
    await db.saveTenant({ id: "b", name: "B", nodeLimit: 5 });
    let asked = 0;
    const input = {
      get id() {
        return asked++ === 0 ? "a" : "b";
      },
      name: "Changed",
      nodeLimit: 9,
    };
    await db.saveTenant(input);
    expect(await db.getTenant("a")).toMatchObject({ name: "Changed", nodeLimit: 9 });
    expect(await db.getTenant("b")).toMatchObject({ name: "B", nodeLimit: 5 });
    let busy = 0;
    const wiping = {
      ...{ id: "c", name: "C" },
      get busy() {
        return busy++ === 0 ? undefined : "wipe";
      },
    };
    await db.saveTenant(untyped(wiping));
    expect(await db.getTenant("c")).not.toHaveProperty("busy");
  });

  test("refuses what is of the wrong type, or cannot be read", async () => {
    const db = await open();
    await db.saveTenant({ id: "a", name: "A" });
    const a = db.tenant("a");
    await expectRefused("KEY_INVALID", () => db.system.tenants.getByDomain(untyped(Symbol("s"))));
    await expectRefused("RECORD_INVALID", () =>
      a.groups.save(untyped({ id: "g", name: "G", nodeIds: () => 1 })),
    );
    await expectRefused("OPTION_INVALID", () => a.audit.verify({ checkpoints: untyped(5) }), "checkpoints");
    await expectRefused("KEY_REQUIRED", () => db.saveNode(untyped(5)));
    for (const bad of [revoked({}), throwing("tenantId")].map(untyped)) {
      await expectRefused("RECORD_INVALID", () => db.saveNode(bad));
      await expectRefused("RECORD_INVALID", () => db.saveAlertRule(bad));
      await expectRefused("RECORD_INVALID", () => db.updateTenantQuota(bad));
      await expectRefused("RECORD_INVALID", () => a.metrics.save(bad));
      await expectRefused("RECORD_INVALID", () => db.system.tenants.update("a", bad));
    }
    await expectRefused("KEY_INVALID", () => db.system.tenants.suspend(untyped(["a"])));
    await expectRefused("KEY_INVALID", () => a.users.getMany(untyped(revoked([]))));
    await expectRefused("KEY_INVALID", () => a.users.getMany(new Array(2 ** 32 - 1)), "hole");
    await expectRefused("OPTION_INVALID", () => a.metrics.latest(undefined, untyped(revoked({}))));
  });
});

test("a logger that fails does not fail what it is told of", async () => {
  const store = await furnished();
  places.later(() => store.close());
  const fail = () => {
    throw new Error("the disk of the logs is full");
  };
  const logger = { info: fail, error: fail };
  expect(await schema.migrate(store, { logger })).toMatchObject({ from: 0, to: 1 });
  expect(await schema.status(store)).toMatchObject({ version: 1 });
  const bad = migrations([
    { version: 1, description: "a bucket", up: () => undefined },
    { version: 2, description: "fails", up: fail },
  ]);
  await expectRefused("MIGRATION_FAILED", () => bad.migrate(store, { logger, backup: false }), "fails");
  for (const none of [5, null, {}, revoked({})])
    await expectRefused("OPTION_INVALID", () => schema.migrate(store, { logger: untyped(none) }), "logger");
  const options = { retention: false, logger: untyped({ info: 5 }) } as const;
  await expectRefused("OPTION_INVALID", () => DatabaseManager.open(new MemoryLevel(), options), "logger");
});

import { AsyncLocalStorage } from "node:async_hooks";
import { openStore } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { describe, expect, test } from "vitest";
import { tap, WithoutGetSync } from "../helpers/levels.ts";
import { soon } from "../helpers/places.ts";
import { ENGINES, expectRefused, useStores } from "../helpers/stores.ts";

describe.each(ENGINES)("calls that are not awaited one by one, on %s", (engine) => {
  const stores = useStores(engine);

  test("buckets created at the same time are buckets of their own", async () => {
    const store = await stores.open();
    await store.update(async (tx) => {
      const names = ["users", "tenants", "nodes"];
      const buckets = await Promise.all(names.map((name) => tx.createBucketIfNotExists<string>(name)));
      await Promise.all(buckets.map((bucket, i) => bucket.put("k", names[i] as string)));
    });
    await store.view(async (tx) => {
      for (const name of ["users", "tenants", "nodes"])
        expect(await (await tx.bucket(name))?.get("k")).toBe(name);
    });
  });

  test("of two that create the same bucket, the second is refused, or opens the first's", async () => {
    const store = await stores.open();
    await store.update(async (tx) => {
      const [first, second] = await Promise.allSettled([tx.createBucket("b"), tx.createBucket("b")]);
      expect(first.status).toBe("fulfilled");
      expect(second).toMatchObject({ status: "rejected", reason: { code: "BUCKET_EXISTS" } });
      const [one, other] = await Promise.all([
        tx.createBucketIfNotExists("c"),
        tx.createBucketIfNotExists("c"),
      ]);
      await tx.deleteBucket("c");
      await expectRefused("BUCKET_NOT_FOUND", () => one.get(1));
      await expectRefused("BUCKET_NOT_FOUND", () => other.get(1));
    });
  });

  test("a deletion that nobody awaits is whole or not at all", async () => {
    const store = await stores.open();
    await store.update(async (tx) => {
      let bucket = await tx.createBucket("a");
      for (const name of ["x", "y", "z"]) bucket = await bucket.createBucket(name);
    });
    for (let turns = 0; turns < 30; turns++) {
      await store.update(async (tx) => {
        tx.deleteBucket("a").catch(() => undefined);
        for (let i = 0; i < turns; i++) await undefined;
      });
      expect((await store.check()).problems).toEqual([]);
      const gone = await store.view(async (tx) => (await tx.bucket("a")) === undefined);
      if (gone) return;
    }
  });

  test("bytes that a caller changes after reading them do not change the store", async () => {
    const store = await stores.open();
    await store.update(async (tx) => {
      const bucket = await tx.createBucket("b", { encoding: "bytes" });
      await bucket.put("k", new Uint8Array([1, 2, 3]));
      (await bucket.get("k"))?.fill(9);
    });
    for (let time = 0; time < 2; time++) {
      await store.view(async (tx) => {
        const bytes = await (await tx.bucket("b", { encoding: "bytes" }))?.get("k");
        expect(bytes).toEqual(new Uint8Array([1, 2, 3]));
        bytes?.fill(9);
      });
    }
  });

  test("a batch may wait for a commit that was asked for before it", async () => {
    const store = await stores.open();
    const before = store.update((tx) => tx.createBucket("a"));
    const batched = store.batch(async () => {
      await before;
    });
    await soon(() => batched, 5000, "the batch");
  });

  test("each member of a batch runs in its caller's asynchronous context, and sees those before it", async () => {
    const store = await stores.open();
    const context = new AsyncLocalStorage<number>();
    await store.update((tx) => tx.createBucket("b"));
    const { groups } = store.stats();
    const results = await Promise.all(
      [1, 2, 3].map((id) =>
        context.run(id, () =>
          store.batch(async (tx) => {
            const bucket = await tx.bucket<number, string>("b");
            const last = (await bucket?.get("count")) ?? 0;
            await bucket?.put("count", last + 1);
            return [context.getStore(), last, tx.id];
          }),
        ),
      ),
    );
    expect(results).toEqual([
      [1, 0, 2],
      [2, 1, 3],
      [3, 2, 4],
    ]);
    expect(store.stats().groups).toBe(groups + 1);
  });

  test("compact and close within an update are refused, since they would wait for it", async () => {
    const store = await stores.open();
    await store.update((tx) => tx.createBucket("b"));
    await store.update((tx) => tx.deleteBucket("b"));
    await store.update(async () => {
      await expectRefused("TX_NESTED", () => store.compact());
      await expectRefused("TX_NESTED", () => store.close());
    });
  });

  test("a cursor passes a key that a bucket's longest name begins", async () => {
    const store = await stores.open();
    await store.update(async (tx) => {
      const bucket = await tx.createBucket("b");
      const name = "n".repeat(1024);
      await bucket.createBucket(name);
      await bucket.put(`${name}\u{1f600}`, 1);
      const cursor = bucket.cursor();
      const met: unknown[] = [];
      for (
        let element = await cursor.first();
        element !== undefined && met.length < 5;
        element = await cursor.next()
      ) {
        met.push(element[0]);
        await bucket.put("a", met.length); // Makes what the cursor has read ahead stale.
      }
      expect(met).toEqual([name, `${name}\u{1f600}`]);
    });
  });
});

test("a sequence gives each number once, even where the engine is slow to read it", async () => {
  const store = await openStore(new WithoutGetSync());
  await store.update(async (tx) => {
    const bucket = await tx.createBucket("b");
    expect(await Promise.all([bucket.nextSequence(), bucket.nextSequence(), bucket.nextSequence()])).toEqual([
      1, 2, 3,
    ]);
  });
  await store.close();
});

test("one database is one store's at a time, a sublevel too", async () => {
  const level = new MemoryLevel<string, string>();
  const store = await openStore(level);
  await expectRefused("STORE_LOCKED", () => openStore(level));
  await store.close();
  await level.open();
  const first = await openStore(level.sublevel("a"));
  await expectRefused("STORE_LOCKED", () => openStore(level.sublevel("a")));
  const second = await openStore(level.sublevel("b"));
  await first.close();
  await (await openStore(level.sublevel("a"))).close();
  await second.close();
});

test("a hand-driven transaction whose commit finds the store failed lets go of its turn", async () => {
  const level = new MemoryLevel<string, string>();
  const tapped = tap(level);
  const store = await openStore(level);
  const tx = await store.begin({ writable: true });
  await tx.createBucket("b");
  tapped.failNext(new Error("disk full"));
  await expectRefused("STORE_FAILED", () => tx.commit());
  await expectRefused("STORE_FAILED", () => store.begin({ writable: true }));
  await soon(() => store.close(), 5000, "close()");
});

test("a hand-driven transaction open while another's commit fails lets go when its own is refused", async () => {
  const level = new MemoryLevel<string, string>();
  const tapped = tap(level);
  const store = await openStore(level);
  tapped.failNext(new Error("disk full"));
  const failing = store.update((tx) => tx.createBucket("b"));
  const tx = await store.begin({ writable: true });
  await expectRefused("STORE_FAILED", () => failing);
  await expectRefused("STORE_FAILED", () => tx.commit());
  await soon(() => store.close(), 5000, "close()");
});

import { AsyncResource } from "node:async_hooks";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { Bucket, Store, Transaction } from "@meshgate/database";
import { MemoryLevel } from "memory-level";
import { beforeEach, describe, expect, test } from "vitest";
import { codeOf, gate, type Location, settles, soon } from "../helpers/places.ts";
import { ENGINES, expectRefused, forward, useStores } from "../helpers/stores.ts";

const MS = 5000;

async function rowsIn(tx: Transaction): Promise<Bucket> {
  return (await tx.bucket("rows")) as Bucket;
}

const increment = async (tx: Transaction) => {
  const bucket = await rowsIn(tx);
  await bucket.put("count", ((await bucket.get("count")) as number) + 1);
};

describe.each(ENGINES)("transactions on %s", (engine) => {
  const stores = useStores(engine);
  let store: Store;

  const count = () => store.view(async (tx) => (await rowsIn(tx)).get("count"));

  beforeEach(async () => {
    store = await stores.open();
    await store.update(async (tx) => (await tx.createBucket("rows")).put("count", 0));
  });

  describe("an AbortSignal", () => {
    test("ends the wait for the writer's turn, of update and begin; the others keep their order", async () => {
      const holder = await store.begin({ writable: true });
      const order: number[] = [];
      const reason = new Error("no longer wanted");
      const controller = new AbortController();
      const { signal } = controller;
      const first = store.update(() => order.push(1));
      const given = [
        store.update(() => order.push(2), { signal }),
        store.begin({ writable: true, signal }),
        store.update(() => order.push(3), { signal }),
      ].map((call) => call.catch((error: unknown) => error));
      const last = store.update(() => order.push(4), { signal: new AbortController().signal });
      expect(store.stats().waitingWriters).toBe(5);
      controller.abort(reason);
      for (const outcome of await soon(() => Promise.all(given), MS, "aborted calls"))
        expect(outcome).toMatchObject({ code: "ABORTED", cause: reason });
      expect(store.stats().waitingWriters).toBe(2);
      expect(order).toEqual([]);
      await holder.rollback();
      await soon(() => Promise.all([first, last]), MS, "the updates that wait on");
      expect(order).toEqual([1, 4]);
      expect(store.stats()).toMatchObject({ open: 0, waitingWriters: 0 });
    });

    test("that is aborted already refuses, and the callback never runs", async () => {
      const signal = AbortSignal.abort();
      let ran = false;
      const run = () => {
        ran = true;
      };
      await expectRefused("ABORTED", () => store.update(run, { signal }));
      await expectRefused("ABORTED", () => store.begin({ writable: true, signal }));
      await expectRefused("ABORTED", () => store.view(run, { signal }));
      await expectRefused("ABORTED", () => store.begin({ signal }));
      expect(ran).toBe(false);
      await soon(() => store.update(increment), MS, "a later update");
      expect(store.stats().open).toBe(0);
    });

    test("has no effect once the callback runs", async () => {
      const controller = new AbortController();
      await store.update(
        async (tx) => {
          controller.abort();
          await turn();
          await increment(tx);
        },
        { signal: controller.signal },
      );
      expect(await count()).toBe(1);
    });

    test("that times out ends the wait, too", async () => {
      const holder = await store.begin({ writable: true });
      const signal = AbortSignal.timeout(30);
      await soon(() => expectRefused("ABORTED", () => store.update(increment, { signal })), MS, "an update");
      await holder.rollback();
    });
  });

  describe("a writer within a writer", () => {
    const attempts: [name: string, attempt: () => Promise<unknown>][] = [
      ["update", () => store.update(() => "nested")],
      ["batch", () => store.batch(() => "nested")],
      ["begin", () => store.begin({ writable: true })],
    ];
    const within: [name: string, run: (fn: (tx: Transaction) => Promise<unknown>) => Promise<unknown>][] = [
      ["update", (fn) => store.update(fn)],
      ["batch", (fn) => store.batch(fn)],
    ];

    test.each(within)("is refused within %s, also later in it: TX_NESTED", async (_, run) => {
      for (const [name, attempt] of attempts) {
        await soon(
          () =>
            run(async (tx) => {
              await expectRefused("TX_NESTED", attempt);
              await turn();
              await expectRefused("TX_NESTED", attempt);
              await sleep(2);
              await Promise.all([1, 2].map(() => expectRefused("TX_NESTED", attempt)));
              await new Promise<void>((resolve) => {
                setTimeout(() => resolve(expectRefused("TX_NESTED", attempt)), 1);
              });
              // Within what else is called from it.
              await store.view(() => expectRefused("TX_NESTED", attempt));
              await increment(tx);
            }),
          MS,
          `${name} within a writer`,
        );
      }
      expect(await count()).toBe(attempts.length);
    });

    test("is refused through another store's transaction, however that is made", async () => {
      const other = await stores.open({}, "other");
      const outside = new AsyncResource("of a call made outside");
      const runs: ((fn: () => unknown) => Promise<unknown>)[] = [
        (fn) => other.update(fn),
        (fn) => other.view(fn),
        (fn) => other.batch(fn),
        // The batch is begun by a call that is not made within this store's update.
        (fn) => {
          outside.runInAsyncScope(() => other.batch(() => undefined)).catch(() => undefined);
          return other.batch(fn);
        },
      ];
      for (const run of runs) {
        const nested = store.update(() => run(() => codeOf(() => store.update(() => "nested"))));
        expect(await soon(() => nested, MS, "an update through another store")).toBe("TX_NESTED");
      }
    });

    test("is allowed in a batch that a call within its own update began", async () => {
      const other = await stores.open({}, "other");
      const outside = new AsyncResource("of a call made outside");
      const inner: Promise<unknown>[] = [];
      const outer = store.update(async (tx) => {
        await increment(tx);
        inner.push(other.batch(() => "first"));
        inner.push(outside.runInAsyncScope(() => other.batch(() => store.update(increment))));
        await turn();
      });
      await soon(() => Promise.all([outer, ...inner]), MS, "batches of two origins");
      expect(await count()).toBe(2);
    });

    test("is allowed on another store", async () => {
      const other = await stores.open({}, "other");
      await soon(
        () =>
          store.update(async (tx) => {
            await increment(tx);
            await other.update((inner) => inner.createBucket("made within"));
            await other.batch(async (inner) => (await inner.bucket("made within"))?.put("k", 1));
            const manual = await other.begin({ writable: true });
            await manual.rollback();
          }),
        MS,
        "an update on another store",
      );
      expect(await other.view(async (tx) => (await tx.bucket("made within"))?.get("k"))).toBe(1);
    });

    test("is allowed from onCommit handlers", async () => {
      const done = gate();
      const outcomes: unknown[] = [];
      await store.update(async (tx) => {
        await increment(tx);
        tx.onCommit(async () => {
          outcomes.push(await codeOf(() => store.update(increment)));
          outcomes.push(await codeOf(() => store.batch(increment)));
          done.open();
        });
      });
      await soon(() => done.passed, MS, "updates from onCommit");
      expect(outcomes).toEqual(["none", "none"]);
      expect(await count()).toBe(3);
    });

    test("is allowed from timers and promises that outlive the callback", async () => {
      const later: Promise<unknown>[] = [];
      const ended = gate();
      await store.update((tx) => {
        later.push(sleep(10).then(() => store.update(increment)));
        later.push(ended.passed.then(() => store.batch(increment)));
        later.push(
          new Promise((resolve, reject) => {
            setTimeout(() => store.update(increment).then(resolve, reject), 10);
          }),
        );
        return increment(tx);
      });
      ended.open();
      await soon(() => Promise.all(later), MS, "updates from timers");
      expect(await count()).toBe(4);
    });

    test("is allowed within a view", async () => {
      const [before, after] = await soon(
        () =>
          store.view(async (tx) => {
            await store.update(increment);
            await store.batch(increment);
            const manual = await store.begin({ writable: true });
            await manual.commit();
            return [await (await rowsIn(tx)).get("count"), await count()];
          }),
        MS,
        "updates within a view",
      );
      expect([before, after]).toEqual([0, 2]);
    });
  });

  describe("a hand-driven transaction", () => {
    test("rolls back at the end of its block, unless it was committed", async () => {
      {
        await using tx = await store.begin({ writable: true });
        await increment(tx);
      }
      expect(await count()).toBe(0);
      {
        await using tx = await store.begin({ writable: true });
        await increment(tx);
        await tx.commit();
      }
      expect(await count()).toBe(1);
      const failure = new Error("in the block");
      const block = async () => {
        await using tx = await store.begin({ writable: true });
        await increment(tx);
        throw failure;
      };
      await expect(block()).rejects.toBe(failure);
      {
        await using reader = await store.begin();
        expect(await (await rowsIn(reader)).get("count")).toBe(1);
      }
      expect(store.stats()).toMatchObject({ open: 0, waitingWriters: 0 });
      await soon(() => store.update(increment), MS, "the next writer");
    });

    test("keeps other writers waiting, in order, and readers not", async () => {
      const order: string[] = [];
      const first = await store.begin({ writable: true });
      const second = store.begin({ writable: true }).then((tx) => {
        order.push("second");
        return tx.commit();
      });
      const third = store.update(() => order.push("third"));
      expect(await settles(second, 30)).toBe(false);
      expect(await count()).toBe(0);
      await increment(first);
      order.push("first");
      await first.commit();
      await soon(() => Promise.all([second, third]), MS, "the writers in line");
      expect(order).toEqual(["first", "second", "third"]);
      expect(await count()).toBe(1);
    });

    test("may commit without awaiting: later writers see its writes", async () => {
      const commits: Promise<void>[] = [];
      for (let i = 0; i < 20; i++) {
        const tx = await soon(() => store.begin({ writable: true }), MS, "begin()");
        await increment(tx);
        commits.push(tx.commit());
      }
      await Promise.all(commits);
      expect(await count()).toBe(20);
    });

    test("has its handlers called after commit, and never after rollback", async () => {
      const calls: string[] = [];
      const tx = await store.begin({ writable: true });
      tx.onCommit(() => calls.push("committed"));
      await increment(tx);
      const committed = tx.commit();
      expect(calls).toEqual([]);
      await committed;
      expect(calls).toEqual(["committed"]);
      const rolledBack = await store.begin({ writable: true });
      rolledBack.onCommit(() => calls.push("rolled back"));
      await rolledBack.rollback();
      await turn();
      expect(calls).toEqual(["committed"]);
    });
  });

  describe("onCommit", () => {
    test("calls in order of registration, when the commit is seen by readers and the next writer may run", async () => {
      const calls: unknown[] = [];
      const done = gate();
      await store.update(async (tx) => {
        await increment(tx);
        for (let i = 0; i < 5; i++) tx.onCommit(() => calls.push(i));
        tx.onCommit(async () => {
          calls.push(await count());
          done.open();
        });
        await turn();
        expect(calls).toEqual([]);
      });
      expect(calls.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
      await done.passed;
      expect(calls[5]).toBe(1);
    });

    test("calls one transaction's handlers before the next one's", async () => {
      const calls: number[] = [];
      const updates = Array.from({ length: 30 }, (_, i) =>
        store.update(async (tx) => {
          await increment(tx);
          tx.onCommit(() => calls.push(i));
        }),
      );
      await Promise.all(updates);
      expect(calls).toEqual(updates.map((_, i) => i));
    });

    test("never calls after a rollback", async () => {
      const calls: string[] = [];
      const thrown = store.update((tx) => {
        tx.onCommit(() => calls.push("thrown"));
        throw new Error("on purpose");
      });
      await expect(thrown).rejects.toThrow("on purpose");
      const rejected = store.batch(async (tx) => {
        tx.onCommit(() => calls.push("rejected"));
        await turn();
        throw new Error("on purpose");
      });
      await expect(rejected).rejects.toThrow("on purpose");
      await store.update(increment);
      await sleep(5);
      expect(calls).toEqual([]);
    });

    test("of a transaction that wrote nothing calls, too", async () => {
      const calls: string[] = [];
      await store.update((tx) => tx.onCommit(() => calls.push("called")));
      expect(calls).toEqual(["called"]);
    });

    test("a handler that throws fails neither the commit nor the other handlers, and is not swallowed", async () => {
      const failure = new Error("of a handler");
      const calls: string[] = [];
      const uncaught = await catchUncaught(async () => {
        const result = await store.update(async (tx) => {
          await increment(tx);
          tx.onCommit(() => calls.push("before"));
          tx.onCommit(() => {
            throw failure;
          });
          tx.onCommit(() => calls.push("after"));
          return "result";
        });
        expect(result).toBe("result");
      });
      expect(calls).toEqual(["before", "after"]);
      expect(uncaught).toEqual([failure]);
      expect(await count()).toBe(1);
      await soon(() => store.update(increment), MS, "the next update");
    });
  });

  describe("a transaction that is over", () => {
    const leak = async (kind: "update" | "view" | "begin" | "thrown"): Promise<Transaction> => {
      let leaked: Transaction | undefined;
      if (kind === "begin") {
        leaked = await store.begin({ writable: true });
        await leaked.rollback();
      } else if (kind === "thrown") {
        await store
          .update((tx) => {
            leaked = tx;
            throw new Error("on purpose");
          })
          .catch(() => undefined);
      } else {
        await store[kind]((tx) => {
          leaked = tx;
        });
      }
      return leaked as Transaction;
    };

    test.each(["update", "view", "begin", "thrown"] as const)(
      "refuses every method of Transaction (%s): TX_CLOSED",
      async (kind) => {
        const tx = await leak(kind);
        const calls: (() => unknown)[] = [
          () => tx.bucket("rows"),
          () => tx.createBucket("new"),
          () => tx.createBucketIfNotExists("rows"),
          () => tx.deleteBucket("rows"),
          () => tx.moveBucket("rows", undefined, undefined),
          () => tx.buckets(),
          () => tx.cursor(),
          () => tx.onCommit(() => undefined),
        ];
        if (kind === "begin")
          calls.push(
            () => tx.commit(),
            () => tx.rollback(),
          );
        for (const call of calls) await expectRefused("TX_CLOSED", call);
        expect(tx.id).toBeGreaterThan(0);
        expect(tx.writable).toBe(kind !== "view");
        if (kind === "begin") await tx[Symbol.asyncDispose]();
        await store.update(async (later) => expect(await later.buckets()).toEqual(["rows"]));
      },
    );

    test("refuses every method of its buckets, cursors and ranges: TX_CLOSED", async () => {
      for (const kind of ["update", "view"] as const) {
        const made = await store[kind](async (tx) => {
          const bucket = await rowsIn(tx);
          const cursor = bucket.cursor();
          await cursor.first();
          return { bucket, cursor, root: tx.cursor(), range: bucket.range(), keys: bucket.keys() };
        });
        const { bucket, cursor, root, range, keys } = made;
        const calls: (() => unknown)[] = [
          () => bucket.get("count"),
          () => bucket.getMany(["count"]),
          () => bucket.has("count"),
          () => bucket.put("count", 5),
          () => bucket.delete("count"),
          () => bucket.cursor(),
          () => bucket.range(),
          () => bucket.keys(),
          () => bucket.values(),
          () => bucket.count(),
          () => bucket.forEach(() => {}),
          () => bucket.sequence(),
          () => bucket.setSequence(1),
          () => bucket.nextSequence(),
          () => bucket.stats(),
          () => bucket.bucket("nested"),
          () => bucket.createBucket("nested"),
          () => bucket.createBucketIfNotExists("nested"),
          () => bucket.deleteBucket("nested"),
          () => bucket.buckets(),
          () => cursor.first(),
          () => cursor.last(),
          () => cursor.next(),
          () => cursor.prev(),
          () => cursor.seek("count"),
          () => cursor.delete(),
          () => root.first(),
          () => root.next(),
          () => range.toArray(),
          () => range.first(),
          () => keys.toArray(),
          async () => {
            for await (const _ of range);
          },
        ];
        for (const call of calls) await expectRefused("TX_CLOSED", call);
      }
      expect(await count()).toBe(0);
    });

    test.each(["view", "update"] as const)(
      "refuses what is amid an iteration (%s): TX_CLOSED",
      async (kind) => {
        await store.update(async (tx) => {
          const bucket = await rowsIn(tx);
          for (let i = 0; i < 4000; i++) await bucket.put(i, "x".repeat(50));
          for (let i = 0; i < 20; i++) await bucket.createBucket(`nested ${i}`);
        });
        const amid = await store[kind](async (tx) => {
          const bucket = await rowsIn(tx);
          // With rows deleted, a chunk of the result takes more than one from the engine.
          if (kind === "update") for (let i = 0; i < 3000; i += 2) await bucket.delete(i);
          const iterator = bucket.range()[Symbol.asyncIterator]();
          await iterator.next();
          const cursor = bucket.cursor();
          for (let i = 0; i < 40; i++) await cursor.next();
          const plain = bucket.values()[Symbol.asyncIterator]();
          return {
            steps: [() => iterator.next(), () => cursor.next(), () => plain.next()],
            // Begun in time, but not awaited.
            begun: [
              bucket.range().toArray(),
              bucket.keys({ reverse: true }).toArray(),
              bucket.values().toArray(),
              bucket.count(),
              bucket.forEach(() => {}),
              bucket.range().first(),
              bucket.range()[Symbol.asyncIterator]().next(),
              bucket.cursor().first(),
              bucket.cursor().last(),
              bucket.getMany(Array.from({ length: 100 }, (_, i) => i)),
              bucket.buckets(),
              tx.buckets(),
              forward(bucket.cursor()),
              collect(bucket.range()),
            ].map((call) =>
              Promise.resolve(call).then(
                () => "none",
                (error) => error.code,
              ),
            ),
          };
        });
        for (const step of amid.steps) await expectRefused("TX_CLOSED", step);
        const codes = await soon(() => Promise.all(amid.begun), MS, "calls that were not awaited");
        expect(codes).toEqual(codes.map(() => "TX_CLOSED"));
      },
    );
  });

  describe("many updates", () => {
    test("2000 at once, each adding one to a counter, make 2000", async () => {
      const updates = Array.from({ length: 2000 }, () => store.update(increment));
      await soon(() => Promise.all(updates), 30_000, "2000 updates");
      expect(await count()).toBe(2000);
      expect(store.stats()).toMatchObject({ open: 0, waitingWriters: 0 });
    });

    test("do not keep timers and views from running", async () => {
      let ticks = 0;
      let views = 0;
      const timer = setInterval(() => ticks++, 1);
      let done = false;
      const viewing = (async () => {
        while (!done) {
          await store.view(async (tx) => expect(await (await rowsIn(tx)).has("count")).toBe(true));
          views++;
          await turn();
        }
      })();
      await Promise.all(Array.from({ length: 3000 }, () => store.update(increment)));
      done = true;
      clearInterval(timer);
      await viewing;
      expect(ticks).toBeGreaterThan(3);
      expect(views).toBeGreaterThan(3);
    });

    test("one that throws among many takes nothing of the others with it", async () => {
      const updates = Array.from({ length: 300 }, (_, i) =>
        store.update(async (tx) => {
          await increment(tx);
          if (i % 3 === 0) await (await rowsIn(tx)).put(`of ${i}`, i);
          if (i % 3 === 0) throw new Error("on purpose");
        }),
      );
      const outcomes = await Promise.allSettled(updates);
      expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(100);
      expect(await count()).toBe(200);
      expect(await store.view(async (tx) => (await rowsIn(tx)).keys().toArray())).toEqual(["count"]);
    });

    test("ranges and cursors show what earlier ones wrote, durable or not", async () => {
      const expected = new Map<number, number>();
      const updates: Promise<void>[] = [];
      for (let n = 0; n < 60; n++) {
        updates.push(
          store.update(async (tx) => {
            const bucket = await rowsIn(tx);
            await bucket.delete("count");
            for (let i = 0; i < 20; i++) {
              const key = (n * 37 + i * 11) % 200;
              if (i % 4 === 3) {
                await bucket.delete(key);
                expected.delete(key);
              } else {
                await bucket.put(key, n);
                expected.set(key, n);
              }
            }
            const rows = [...expected].toSorted(([a], [b]) => a - b);
            const middle = rows.filter(([key]) => key >= 50 && key < 150);
            expect(await bucket.range().toArray()).toEqual(rows);
            expect(await bucket.range({ gte: 50, lt: 150, reverse: true, limit: 7 }).toArray()).toEqual(
              middle.toReversed().slice(0, 7),
            );
            expect(await bucket.range({ gte: 50, lt: 150 }).first()).toEqual(middle[0]);
            expect(await bucket.count({ gte: 50, lt: 150 })).toBe(middle.length);
            if (n % 10 === 0) expect(await forward(bucket.cursor())).toEqual(rows);
            expect(await bucket.cursor().seek(50)).toEqual(middle[0]);
            if (n % 3 === 0) await turn();
          }),
        );
      }
      await soon(() => Promise.all(updates), MS, "60 updates");
      const rows = [...expected].toSorted(([a], [b]) => a - b);
      expect(await store.view(async (tx) => (await rowsIn(tx)).range().toArray())).toEqual(rows);
    });

    test("close() lets those that are queued end, and refuses later ones", async () => {
      const queued = [
        ...Array.from({ length: 50 }, () => store.update(increment)),
        ...Array.from({ length: 10 }, () => store.batch(increment)),
        store.begin({ writable: true }).then(async (tx) => {
          await increment(tx);
          await tx.commit();
        }),
        store.view((tx) => sleep(20, tx.id)),
      ];
      const closed = store.close();
      await expectRefused("STORE_CLOSED", () => store.update(increment));
      await expectRefused("STORE_CLOSED", () => store.view(() => undefined));
      await expectRefused("STORE_CLOSED", () => store.begin());
      await soon(() => Promise.all(queued), MS, "what was queued");
      await soon(() => closed, MS, "close()");
      store = await stores.open();
      expect(await count()).toBe(61);
    });
  });
});

describe("a flood of large values", () => {
  const stores = useStores("classic-level");

  test("keeps writers waiting rather than fill the memory", { timeout: 60_000 }, async () => {
    const store = await stores.open({ durability: "relaxed" });
    await store.update((tx) => tx.createBucket("rows", { encoding: "bytes" }));
    const size = 1 << 20;
    const total = 300;
    let highest = 0;
    const baseline = memory();
    const updates = Array.from({ length: total }, (_, i) =>
      store.update(async (tx) => {
        const bucket = await tx.bucket("rows", { encoding: "bytes" });
        await bucket?.put(i % 20, new Uint8Array(size).fill(i));
        highest = Math.max(highest, memory() - baseline);
      }),
    );
    await soon(() => Promise.all(updates), 60_000, "a flood");
    // In memory: two groups of some 16 MiB, LevelDB's copy of one, and what is not collected yet.
    expect(highest / size).toBeLessThan(total / 2);
    const first = await store.view(async (tx) => (await tx.bucket("rows", { encoding: "bytes" }))?.get(0));
    expect(first?.every((byte) => byte === 280 % 256)).toBe(true);
  });
});

test("stores on one engine in memory run apart from another engine's", async () => {
  const { openStore } = await import("@meshgate/database");
  await using a = await openStore(new MemoryLevel() as unknown as Location);
  await using b = await openStore(new MemoryLevel() as unknown as Location);
  const held = await a.begin({ writable: true });
  await soon(() => b.update((tx) => tx.createBucket("rows")), MS, "an update on the other store");
  await held.rollback();
  expect(await a.view((tx) => tx.buckets())).toEqual([]);
});

/** Bytes that arrays and objects take. */
function memory(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function collect<T>(range: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of range) all.push(item);
  return all;
}

/** Runs the action, and gives the errors that nobody caught; the test runner does not see them. */
async function catchUncaught(action: () => Promise<void>): Promise<unknown[]> {
  const listeners = process.listeners("uncaughtException");
  const uncaught: unknown[] = [];
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => uncaught.push(error));
  try {
    await action();
    await sleep(5);
    return uncaught;
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  }
}

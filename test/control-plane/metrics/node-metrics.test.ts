import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { storeRunner } from "../../../src/control-plane/common/scope.ts";
import { deleteNodeMetrics } from "../../../src/control-plane/metrics/metrics-retention.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { DAY, MINUTE, nodeOf, useDatabases } from "../databases.ts";
import { START } from "./metrics-model.ts";

const at = (minutes: number) => new Date(START + minutes * MINUTE);

describe("what nodes tell of themselves", () => {
  const databases = useDatabases();
  const open = async () => {
    const db = await databases.open();
    for (const tenantId of ["a", "b"]) for (const n of [1, 2]) await db.saveNode({ ...nodeOf(n), tenantId });
    await db.tenant("a").nodes.save(nodeOf(3));
    return db;
  };

  test("is kept by node and time, and is of now where no time is given", async () => {
    const db = await open();
    const { nodeMetrics } = db.tenant("a");
    const kept = await nodeMetrics.save({ nodeId: "n1", cpuPercent: 12.5, rxBytes: 10, uptimeSeconds: 3 });
    const now = databases.clock.now();
    expect(kept).toEqual({
      tenantId: "a",
      nodeId: "n1",
      timestamp: now,
      cpuPercent: 12.5,
      rxBytes: 10,
      uptimeSeconds: 3,
    });
    expect(await nodeMetrics.latest("n1")).toEqual(kept);
    await nodeMetrics.save({ nodeId: "n1", timestamp: now, peers: 2 });
    expect(await nodeMetrics.latest("n1")).toEqual({ tenantId: "a", nodeId: "n1", timestamp: now, peers: 2 });
    expect(await nodeMetrics.latest("n2")).toBeUndefined();
    expect(await db.tenant("b").nodeMetrics.latest("n1")).toBeUndefined();
  });

  test("what does not fit is refused, and leaves nothing behind", async () => {
    const db = await open();
    const { nodeMetrics } = db.tenant("b");
    const wrong = [
      undefined,
      {},
      { nodeId: 1 },
      { nodeId: "" },
      { nodeId: "n1", cpuPercent: -1 },
      { nodeId: "n1", rxBytes: 1.5 },
      { nodeId: "n1", peers: Number.POSITIVE_INFINITY },
      { nodeId: "n1", temperature: 1 },
      { nodeId: "n1", timestamp: new Date(Number.NaN) },
      { nodeId: "n1", timestamp: null },
    ];
    for (const figures of wrong)
      await expectRefused("RECORD_INVALID", () => nodeMetrics.save(figures as never));
    const error = await nodeMetrics.save({ nodeId: "n3", peers: 1 }).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: "REFERENCE_INVALID",
      details: { tenantId: "b", collection: "nodes", id: "n3" },
    });
    await expectRefused("TENANT_MISMATCH", () => nodeMetrics.save({ nodeId: "n1", tenantId: "a" }));
    const many = [{ nodeId: "n1", peers: 1 }, { nodeId: "n3" }];
    await expectRefused("REFERENCE_INVALID", () => nodeMetrics.saveMany(many));
    for (const call of [
      () => nodeMetrics.range("n1", 0 as never, at(1)),
      () => nodeMetrics.range("n1", at(0), undefined as never),
    ])
      await expectRefused("OPTION_INVALID", call);
    expect(await nodeMetrics.range("n1", at(-DAY), at(DAY))).toEqual([]);
    await db.close();
    await expectRefused("STORE_CLOSED", () => nodeMetrics.save({ nodeId: "n1" }));
    await expectRefused("STORE_CLOSED", () => nodeMetrics.saveMany([]));
    await expectRefused("STORE_CLOSED", () => nodeMetrics.range("n1", at(0), at(1)));
    await expectRefused("STORE_CLOSED", () => nodeMetrics.latest("n1"));
  });

  test("ranges, the latest, and deletion by time agree with a plain array", async () => {
    const db = await open();
    const minutes = fc.integer({ min: -20, max: 20 });
    const row = fc.record({
      tenantId: fc.constantFrom("a", "b"),
      nodeId: fc.constantFrom("n1", "n2"),
      timestamp: minutes.map(at),
      peers: fc.nat(99),
    });
    let model = new Map<string, { tenantId: string; nodeId: string; timestamp: Date; peers: number }>();
    const keyOf = ({ tenantId, nodeId, timestamp }: { tenantId: string; nodeId: string; timestamp: Date }) =>
      JSON.stringify([tenantId, nodeId, timestamp]);
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 30 }),
        minutes,
        minutes,
        minutes,
        async (rows, from, to, before) => {
          for (const tenantId of ["a", "b"]) {
            const own = rows.filter((each) => each.tenantId === tenantId);
            expect(await db.tenant(tenantId).nodeMetrics.saveMany(own)).toBe(own.length);
          }
          for (const each of rows) model.set(keyOf(each), each);
          const old = Array.from(model.values()).filter(({ timestamp }) => timestamp < at(before));
          expect(await deleteNodeMetrics(storeRunner(db.store), at(before))).toBe(old.length);
          model = new Map(Array.from(model).filter(([, { timestamp }]) => timestamp >= at(before)));
          for (const tenantId of ["a", "b"])
            for (const nodeId of ["n1", "n2"]) {
              const { nodeMetrics } = db.tenant(tenantId);
              const own = Array.from(model.values())
                .filter((each) => each.tenantId === tenantId && each.nodeId === nodeId)
                .sort((x, y) => x.timestamp.getTime() - y.timestamp.getTime());
              const within = own.filter(({ timestamp }) => timestamp >= at(from) && timestamp < at(to));
              expect(await nodeMetrics.range(nodeId, at(from), at(to))).toEqual(within);
              expect(await nodeMetrics.latest(nodeId)).toEqual(own.at(-1));
            }
        },
      ),
      { numRuns: 40 },
    );
  });

  test("is deleted in batches that can be stopped, also where many are of one moment", async () => {
    const db = await open();
    const { nodeMetrics } = db.tenant("a");
    await db
      .tenant("a")
      .nodes.saveMany(Array.from({ length: 700 }, (_, n) => ({ ...nodeOf(n + 10), id: `x${n}` })));
    const rows = Array.from({ length: 700 }, (_, n) => ({ nodeId: `x${n}`, timestamp: at(1), peers: n }));
    await nodeMetrics.saveMany([...rows, { nodeId: "n1", timestamp: at(2) }]);
    const runner = storeRunner(db.store);
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expectRefused("ABORTED", () =>
      deleteNodeMetrics(runner, at(2), { signal: controller.signal, onProgress }),
    );
    const done: number[] = [];
    expect(await deleteNodeMetrics(runner, at(2), { onProgress: (each) => done.push(each.done) })).toBe(200);
    expect(done).toEqual([200]);
    expect(await nodeMetrics.latest("n1")).toMatchObject({ timestamp: at(2) });
    for (const call of [
      () => deleteNodeMetrics(runner, 0 as never),
      () => deleteNodeMetrics(runner, at(0), { x: 1 } as never),
    ])
      await expectRefused("OPTION_INVALID", call);
  });
});

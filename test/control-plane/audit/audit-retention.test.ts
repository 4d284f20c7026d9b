import { describe, expect, test } from "vitest";
import { auditLogs } from "../../../src/control-plane/audit/audit-record.ts";
import { pruneAudit } from "../../../src/control-plane/audit/audit-retention.ts";
import { type Runner, storeRunner } from "../../../src/control-plane/common/scope.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { MINUTE, useDatabases } from "../databases.ts";
import { openRaw, placed } from "./audit-raw.ts";

const databases = useDatabases();
const START = Date.parse("2026-01-01T00:00:00.000Z");
const at = (minute: number) => new Date(START + minute * MINUTE);

/** Entries by the minutes that they are stamped with. */
const entries = (minutes: readonly number[]) =>
  minutes.map((minute) => ({ userId: "u", action: "a", resource: `r${minute}`, timestamp: at(minute) }));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

async function opened(minutes: readonly number[]) {
  const db = await databases.open();
  for (const id of ["t", "other"]) {
    await db.saveTenant({ id, name: id });
    await db.tenant(id).audit.appendMany(entries(minutes));
  }
  return { db, audit: db.tenant("t").audit, runner: storeRunner(db.store) };
}

describe("retention of the audit trail", () => {
  test("takes away what is older, in batches, and what is left verifies", async () => {
    const { db, audit, runner } = await opened(upTo(1000));
    const { head } = (await audit.verify()) as never as { head: { hash: string } };
    const removed = (await audit.list({ oldestFirst: true, size: 650 })).records.at(-1);
    let commits = 0;
    const counting: Runner = {
      view: runner.view,
      update: (run) => {
        commits++;
        return runner.update(run);
      },
    };
    const told: number[] = [];
    expect(await pruneAudit(counting, "t", at(650), { onProgress: ({ done }) => told.push(done) })).toBe(650);
    expect(commits).toBeGreaterThanOrEqual(4);
    expect(told.at(-1)).toBe(650);
    expect(await audit.head()).toEqual({
      tenantId: "t",
      sequence: 1000,
      hash: head.hash,
      anchorSequence: 650,
      anchorHash: removed?.hash,
    });
    expect(await audit.count()).toBe(350);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 350, from: 651, to: 1000 });
    expect((await audit.list({ oldestFirst: true, size: 1 })).records[0]).toMatchObject({ resource: "r650" });
    expect(await db.tenant("other").audit.count()).toBe(1000);
    // There is nothing more to be done.
    expect(await pruneAudit(runner, "t", at(650))).toBe(0);
    expect(await pruneAudit(runner, "none", at(650))).toBe(0);
    const { ok, entries: left } = await auditLogs.verify(db.store);
    expect({ ok, left }).toEqual({ ok: true, left: 1350 * 5 });
  });

  test("stops at the first entry that is young enough, whatever comes after it", async () => {
    const { audit, runner } = await opened([1, 5, 2, 9, 3, 4]);
    expect(await pruneAudit(runner, "t", at(9))).toBe(3);
    expect((await audit.list({ oldestFirst: true })).records.map(({ sequence }) => sequence)).toEqual([
      5, 6, 4,
    ]);
    // One that is stamped just then stays.
    expect(await pruneAudit(runner, "t", at(9))).toBe(0);
    expect(await pruneAudit(runner, "t", new Date(at(9).getTime() + 1))).toBe(3);
  });

  test("may take away all: what is appended later follows what was there", async () => {
    const { audit, runner } = await opened(upTo(10));
    const before = await audit.head();
    expect(await pruneAudit(runner, "t", at(60))).toBe(10);
    expect(await audit.head()).toEqual({ ...before, anchorSequence: 10, anchorHash: before.hash });
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 0, from: 11, to: 10 });
    expect(await audit.append({ userId: "u", action: "a", resource: "r" })).toMatchObject({ sequence: 11 });
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 1, from: 11, to: 11 });
  });

  test("goes on for a tenant that is suspended", async () => {
    const { db, runner } = await opened(upTo(10));
    await db.system.tenants.suspend("t");
    expect(await pruneAudit(runner, "t", at(5))).toBe(5);
  });

  test("can be stopped between two batches, and goes on later", async () => {
    const { audit, runner } = await opened(upTo(900));
    const stop = new AbortController();
    const work = {
      signal: stop.signal,
      onProgress: ({ done }: { done: number }) => done > 0 && stop.abort(),
    };
    await expectRefused("ABORTED", () => pruneAudit(runner, "t", at(800), work));
    const left = await audit.count();
    expect(left).toBeGreaterThan(100);
    expect(left).toBeLessThan(900);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: left });
    expect(await pruneAudit(runner, "t", at(800))).toBe(left - 100);
    const early = { signal: AbortSignal.abort() };
    await expectRefused("ABORTED", () => pruneAudit(runner, "t", at(850), early));
    await expectRefused("OPTION_INVALID", () => pruneAudit(runner, "t", "2026" as never));
    await expectRefused("OPTION_INVALID", () => pruneAudit(runner, "t", new Date(Number.NaN)));
    await expectRefused("OPTION_INVALID", () => pruneAudit(runner, "t", at(1), { limit: 1 } as never));
  });

  test("goes on beside writers", async () => {
    const { db, audit, runner } = await opened(upTo(900));
    const writers = upTo(50).map((n) =>
      db.tenant("t").audit.append({ userId: "w", action: "b", resource: `w${n}` }),
    );
    const pruned = pruneAudit(runner, "t", at(700));
    expect(await pruned).toBe(700);
    await Promise.all(writers);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 250, from: 701, to: 950 });
  });

  test("leaves a chain that does not verify as it is, and says where it breaks", async () => {
    const raw = await openRaw(databases.clock);
    const { db } = raw;
    await db.saveTenant({ id: "t", name: "t" });
    await db.tenant("t").audit.appendMany(entries(upTo(900)));
    const runner = storeRunner(db.store);
    const sound = await raw.read("t");
    const damage = async (sequence: number, text: (text: string) => string) => {
      const rows = new Map(sound.rows);
      const key = placed("t", sequence);
      await raw.write("t", { rows: rows.set(key, text(rows.get(key) as string)), head: sound.head });
    };
    await damage(600, (text) => text.replace('"u"', '"eve"'));
    const refused = pruneAudit(runner, "t", at(700));
    await expectRefused("DATA_CORRUPT", () => refused, /tenant "t" .* Entry 600 /);
    await expect(refused).rejects.toMatchObject({
      details: { tenantId: "t", problem: { kind: "altered", sequence: 600 } },
    });
    expect((await raw.read("t")).rows.size).toBe(900);
    // A date that was moved so that it would go is found as well.
    await damage(650, (text) => text.replace(at(649).toISOString(), at(1).toISOString()));
    await expectRefused("DATA_CORRUPT", () => pruneAudit(runner, "t", at(700)));
    // What lies behind the part that goes, verify() finds.
    await damage(800, (text) => text.replace('"u"', '"eve"'));
    expect(await pruneAudit(runner, "t", at(400))).toBe(400);
    expect(await db.tenant("t").audit.verify()).toMatchObject({
      problem: { kind: "altered", sequence: 800 },
    });
    await raw.write("t", { ...sound, head: "{}" });
    await expectRefused("DATA_CORRUPT", () => pruneAudit(runner, "t", at(700)));
    await db.close();
  });

  test("looks again at what it deletes, in the commit that deletes it", async () => {
    const raw = await openRaw(databases.clock);
    const { db } = raw;
    await db.saveTenant({ id: "t", name: "t" });
    await db.tenant("t").audit.appendMany(entries(upTo(500)));
    const sound = await raw.read("t");
    const plain = storeRunner(db.store);
    let batches = 0;
    const meddled: Runner = {
      view: plain.view,
      update: async (run) => {
        // Behind the first batch, before the second: it was verified already.
        if (++batches === 2) {
          const { rows, head } = await raw.read("t");
          await raw.write("t", {
            rows: rows.set(placed("t", 300), sound.rows.get(placed("t", 301)) as string),
            head,
          });
        }
        return plain.update(run);
      },
    };
    await expectRefused("DATA_CORRUPT", () => pruneAudit(meddled, "t", at(450)));
    expect(await db.tenant("t").audit.head()).toMatchObject({ anchorSequence: 200 });
    expect((await raw.read("t")).rows.size).toBe(300);
    await db.close();
  });
});

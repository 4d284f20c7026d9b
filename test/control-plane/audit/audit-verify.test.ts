import { DatabaseManager } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import type { AuditProblemKind } from "../../../src/control-plane/audit/audit-chain.ts";
import { pruneAudit } from "../../../src/control-plane/audit/audit-retention.ts";
import { type AuditReport, verifyAudit } from "../../../src/control-plane/audit/audit-verify.ts";
import { canonicalJson } from "../../../src/control-plane/audit/canonical.ts";
import { type Runner, storeRunner } from "../../../src/control-plane/common/scope.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { MINUTE, useDatabases } from "../databases.ts";
import {
  chainOf,
  entriesOf,
  headOf,
  openRaw,
  placed,
  type RawChain,
  type RawEntry,
  rehash,
} from "./audit-raw.ts";

const databases = useDatabases();
const ENTRY = { userId: "u", action: "a", resource: "r", details: { n: 1, none: null } };

/** A chain of some entries, and a report on what becomes of it. */
async function damaged(change: (chain: RawChain) => RawChain | undefined, pruned = 0): Promise<AuditReport> {
  const raw = await openRaw(databases.clock);
  await raw.db.saveTenant({ id: "t", name: "t" });
  const { audit } = raw.db.tenant("t");
  for (let i = 0; i < 8; i++) {
    databases.clock.advance(MINUTE);
    await audit.append(ENTRY);
  }
  const before = new Date(databases.clock.time - (7 - pruned) * MINUTE);
  expect(await pruneAudit(storeRunner(raw.db.store), "t", before)).toBe(pruned);
  const chain = await raw.read("t");
  await raw.write("t", change(chain) ?? chain);
  const report = await audit.verify();
  await raw.db.close();
  return report;
}

const edited = (chain: RawChain, sequence: number, change: (entry: RawEntry) => object): void => {
  const key = placed("t", sequence);
  chain.rows.set(key, JSON.stringify(change(JSON.parse(chain.rows.get(key) as string))));
};
const headed = (chain: RawChain, change: object): RawChain => ({
  rows: chain.rows,
  head: JSON.stringify({ ...headOf(chain), ...change }),
});

interface Case {
  readonly what: string;
  readonly kind: AuditProblemKind;
  readonly sequence: number;
  readonly change: (chain: RawChain) => RawChain | undefined;
  readonly pruned?: number;
}

const at = (chain: RawChain, sequence: number) =>
  entriesOf(chain).find((entry) => entry.sequence === sequence) as RawEntry;

const CASES: readonly Case[] = [
  {
    what: "an edited entry",
    kind: "altered",
    sequence: 3,
    change: (chain) => void edited(chain, 3, (entry) => ({ ...entry, userId: "eve" })),
  },
  {
    what: "an entry whose date is spelled another way",
    kind: "altered",
    sequence: 3,
    change: (chain) =>
      void edited(chain, 3, (entry) => ({
        ...entry,
        timestamp: String(entry["timestamp"]).replace("Z", "+00:00"),
      })),
  },
  {
    what: "an entry with another tenant's name, hashed anew",
    kind: "altered",
    sequence: 8,
    change: (chain) => {
      const entry = { ...at(chain, 8), tenantId: "x" };
      const hash = rehash(at(chain, 7).hash, entry);
      edited(chain, 8, () => ({ ...entry, hash }));
      return headed(chain, { hash });
    },
  },
  {
    what: "a null that reads as Infinity",
    kind: "altered",
    sequence: 2,
    change: (chain) => {
      const key = placed("t", 2);
      const text = chain.rows.get(key) as string;
      chain.rows.set(key, text.replace('"none":null', '"none":1e999'));
      return undefined;
    },
  },
  {
    what: "an entry that is nested deeper than can be read",
    kind: "altered",
    sequence: 8,
    change: (chain) => {
      const key = placed("t", 8);
      const text = chain.rows.get(key) as string;
      chain.rows.set(key, text.replace('"n":1', `"n":${"[".repeat(50_000)}${"]".repeat(50_000)}`));
      return undefined;
    },
  },
  {
    what: "the first of two changes",
    kind: "altered",
    sequence: 2,
    change: (chain) => {
      chain.rows.delete(placed("t", 6));
      edited(chain, 2, (entry) => ({ ...entry, success: false }));
      return undefined;
    },
  },
  {
    what: "a removed entry",
    kind: "missing",
    sequence: 4,
    change: (chain) => void chain.rows.delete(placed("t", 4)),
  },
  {
    what: "a removed end",
    kind: "missing",
    sequence: 7,
    change: (chain) => {
      chain.rows.delete(placed("t", 7));
      chain.rows.delete(placed("t", 8));
      return undefined;
    },
  },
  {
    what: "a row between two entries",
    kind: "inserted",
    sequence: 5,
    change: (chain) => void chain.rows.set(placed("t", 4.5), JSON.stringify(at(chain, 4))),
  },
  {
    what: "a row before the first entry",
    kind: "inserted",
    sequence: 1,
    change: (chain) => void chain.rows.set(placed("t"), JSON.stringify(at(chain, 1))),
  },
  {
    what: "a row behind the end",
    kind: "inserted",
    sequence: 9,
    change: (chain) => void chain.rows.set(placed("t", 9), JSON.stringify(at(chain, 8))),
  },
  {
    what: "a row far behind the end",
    kind: "inserted",
    sequence: 9,
    change: (chain) => void chain.rows.set(placed("t", "end"), "{}"),
  },
  {
    what: "an entry that retention had taken away",
    kind: "inserted",
    sequence: 2,
    change: (chain) => void chain.rows.set(placed("t", 2), JSON.stringify(at(chain, 4))),
    pruned: 3,
  },
  {
    what: "an entry in a chain that retention had emptied",
    kind: "inserted",
    sequence: 2,
    change: (chain) => void chain.rows.set(placed("t", 2), "{}"),
    pruned: 8,
  },
  {
    what: "two that changed places",
    kind: "reordered",
    sequence: 3,
    change: (chain) => {
      const [a, b] = [chain.rows.get(placed("t", 3)), chain.rows.get(placed("t", 6))] as [string, string];
      chain.rows.set(placed("t", 3), b).set(placed("t", 6), a);
      return undefined;
    },
  },
  {
    what: "a head that was set back",
    kind: "head",
    sequence: 6,
    change: (chain) => headed(chain, { sequence: 5, hash: at(chain, 5).hash }),
  },
  {
    what: "a head that was set ahead",
    kind: "head",
    sequence: 12,
    change: (chain) => headed(chain, { sequence: 12 }),
  },
  {
    what: "a head with another hash",
    kind: "head",
    sequence: 8,
    change: (chain) => headed(chain, { hash: "a".repeat(64) }),
  },
  {
    what: "a head that is gone",
    kind: "head",
    sequence: 1,
    change: ({ rows }) => ({ rows, head: undefined }),
  },
  {
    what: "a head that is gone, after retention",
    kind: "head",
    sequence: 1,
    change: ({ rows }) => ({ rows, head: undefined }),
    pruned: 3,
  },
  { what: "a head that is none", kind: "head", sequence: 0, change: ({ rows }) => ({ rows, head: "{" }) },
  {
    what: "a head of another tenant",
    kind: "head",
    sequence: 8,
    change: (chain) => headed(chain, { tenantId: "x" }),
  },
  {
    what: "a head with more in it",
    kind: "head",
    sequence: 0,
    change: (chain) => headed(chain, { more: 1 }),
  },
  {
    what: "an anchor behind the end",
    kind: "head",
    sequence: 8,
    change: (chain) => headed(chain, { anchorSequence: 9 }),
  },
  {
    what: "an anchor of a whole chain that is not its beginning",
    kind: "head",
    sequence: 8,
    change: (chain) => headed(chain, { anchorHash: "a".repeat(64) }),
  },
  {
    what: "an anchor of an emptied chain that is not its end",
    kind: "head",
    sequence: 8,
    change: (chain) => headed(chain, { anchorHash: "a".repeat(64) }),
    pruned: 8,
  },
  {
    what: "an anchor with another hash",
    kind: "altered",
    sequence: 4,
    change: (chain) => headed(chain, { anchorHash: "a".repeat(64) }),
    pruned: 3,
  },
  {
    what: "an anchor that was set back",
    kind: "missing",
    sequence: 3,
    change: (chain) => headed(chain, { anchorSequence: 2 }),
    pruned: 3,
  },
  {
    what: "an anchor that was moved past entries",
    kind: "inserted",
    sequence: 1,
    change: (chain) => headed(chain, { anchorSequence: 4, anchorHash: at(chain, 4).hash }),
  },
  {
    what: "an anchor that was moved past all entries",
    kind: "inserted",
    sequence: 1,
    change: (chain) => headed(chain, { anchorSequence: 8, anchorHash: at(chain, 8).hash }),
  },
];

describe("verify() of the audit trail", () => {
  test.each(CASES)("finds $what: $kind", async ({ kind, sequence, change, pruned }) => {
    const report = await damaged(change, pruned);
    expect(report).toEqual({ ok: false, problem: { kind, sequence, message: expect.any(String) } });
  });

  test.each([0, 3, 8])("finds nothing where nothing was changed, after %i were pruned", async (pruned) => {
    const report = await damaged(
      (chain) => (pruned === 8 ? undefined : chainOf("t", entriesOf(chain), headOf(chain))),
      pruned,
    );
    expect(report).toMatchObject({ ok: true, entries: 8 - pruned, from: pruned + 1, to: 8, compared: 0 });
  });

  test("finds a change that another program made on disk", async () => {
    const path = databases.path("damaged");
    const options = { now: databases.clock.now, retention: false } as const;
    const db = await DatabaseManager.open(path, options);
    await db.saveTenant({ id: "t", name: "t" });
    for (let i = 0; i < 5; i++) await db.tenant("t").audit.append(ENTRY);
    await db.close();
    const level = new ClassicLevel<string, string>(path);
    const key = `!audit_logs!${placed("t", 4)}`;
    await level.put(key, ((await level.get(key)) as string).replace('"u"', '"eve"'));
    await level.close();
    const again = await DatabaseManager.open(path, options);
    expect(await again.tenant("t").audit.verify()).toMatchObject({
      ok: false,
      problem: { kind: "altered", sequence: 4 },
    });
    await again.close();
  });

  test("takes its own options, tells how far it is, and can be stopped", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "t", name: "t" });
    const { audit } = db.tenant("t");
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 0, from: 1, to: 0 });
    await audit.appendMany(Array(700).fill(ENTRY));
    const told: unknown[] = [];
    await audit.verify({ onProgress: (progress) => told.push(progress) });
    expect(told[0]).toEqual({ done: 0, total: 700 });
    expect(told.at(-1)).toEqual({ done: 700, total: 700 });
    expect(told.length).toBeGreaterThan(3);
    const stop = new AbortController();
    const stopped = audit.verify({ signal: stop.signal, onProgress: ({ done }) => done > 0 && stop.abort() });
    await expectRefused("ABORTED", () => stopped);
    await expectRefused("OPTION_INVALID", () => audit.verify({ checkpoint: [] } as never), "checkpoint");
    await expectRefused("OPTION_INVALID", () => audit.verify({ signal: 1 } as never));
    const failing: Runner = { ...storeRunner(db.store), view: () => Promise.reject(new Error("disk")) };
    await expect(verifyAudit(failing, "t")).rejects.toThrow("disk");
  });

  test("goes on beside writers, and past what retention takes away", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "t", name: "t" });
    const { audit } = db.tenant("t");
    for (let i = 0; i < 6; i++) {
      databases.clock.advance(MINUTE);
      await audit.appendMany(Array(200).fill(ENTRY));
    }
    const beside = storeRunner(db.store);
    const minutesAgo = (minutes: number) => new Date(databases.clock.time - (minutes - 0.5) * MINUTE);
    // What happens between two slices, by the number of views that there were.
    const verified = async (between: Readonly<Record<number, () => Promise<unknown>>>) => {
      let views = 0;
      const runner: Runner = {
        update: beside.update,
        view: async (run) => {
          const result = await beside.view(run);
          await between[++views]?.();
          return result;
        },
      };
      const report = await verifyAudit(runner, "t");
      expect(views).toBeGreaterThan(Math.max(...Object.keys(between).map(Number)));
      return report;
    };
    const append = () => audit.appendMany(Array(300).fill(ENTRY));
    const appended = await verified({ 1: append, 2: append, 4: append });
    expect(appended).toMatchObject({ ok: true, entries: 1200, from: 1, to: 1200 });
    // The first slice of 256 was walked: of the 400 that go, 144 are passed over, and one batch more later.
    const pruned = await verified({ 2: () => pruneAudit(beside, "t", minutesAgo(4)) });
    expect(pruned).toMatchObject({ ok: true, entries: 2100 - 144, from: 1, to: 2100 });
    const again = await verified({ 1: () => pruneAudit(beside, "t", minutesAgo(2)), 3: append });
    expect(again).toMatchObject({ ok: true, entries: 2100 - 800, from: 401, to: 2100 });
    expect(await audit.verify()).toMatchObject({ ok: true, from: 801, to: 2400 });
    databases.clock.advance(MINUTE);
    const all = await verified({ 1: () => pruneAudit(beside, "t", databases.clock.now()) });
    expect(all).toMatchObject({ ok: true, entries: 0, from: 801, to: 2400 });
  });

  test("finds what the trail of the transaction that it runs in has", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "t", name: "t" });
    await db.tenant("t").audit.append(ENTRY);
    await db.view(async (tx) => {
      await db.tenant("t").audit.append(ENTRY);
      expect(await tx.tenant("t").audit.verify()).toMatchObject({ ok: true, entries: 1 });
    });
    expect(await db.tenant("t").audit.verify()).toMatchObject({ ok: true, entries: 2 });
    const { audit } = await db.view((tx) => tx.tenant("t"));
    await expectRefused("TX_CLOSED", () => audit.verify());
  });
});

describe("the canonical text of a value", () => {
  test("is JSON with the fields in the order of their names", () => {
    expect(canonicalJson({ b: [1, { d: null, c: true }], a: 'x"\n', 10: "ä", 9: -1.5, z: undefined })).toBe(
      '{"10":"ä","9":-1.5,"a":"x\\"\\n","b":[1,{"c":true,"d":null}]}',
    );
    expect(canonicalJson({ at: new Date(0) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
    expect(canonicalJson([{}, [], "", "#[]~!"])).toBe('[{},[],"","#[]~!"]');
  });

  test("tells values apart that JSON writes alike", () => {
    const texts = [0, -0, null, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, "0", "null"].map(
      canonicalJson,
    );
    expect(new Set(texts).size).toBe(texts.length);
    const proto: unknown = JSON.parse('{"__proto__":{"a":1}}');
    expect(canonicalJson(proto)).toBe('{"__proto__":{"a":1}}');
  });

  test("is JSON that reads back as the value", () => {
    for (const text of ["\u0000", "\u2028", "\ud800", "😀", "\\", '"', "a b", "\u007f"])
      expect(JSON.parse(canonicalJson({ [text]: text }))).toEqual({ [text]: text });
  });
});

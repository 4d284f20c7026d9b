import { copyFile } from "node:fs/promises";
import type { Database, DatabaseOptions, GoImportReport } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { useDatabases } from "../databases.ts";
import { Random } from "../model/random.ts";
import { expectImported, expectReported } from "./compare.ts";
import { type Expected, expectedOf } from "./expected.ts";
import { fixture, type GoFileSpec, type GoLine, useGoFiles } from "./go-files.ts";
import { digestOf } from "./rows.ts";

const SEED = Number(process.env["MESHGATE_SEED"] ?? Date.now() % 2 ** 31);
const SPECS: GoFileSpec[] = [
  { seed: SEED, pageSize: 4096, scale: 60, faults: 300 },
  { seed: SEED + 1, pageSize: 1024, scale: 200, faults: 100 },
  { seed: SEED + 2, pageSize: 16384, scale: 200, faults: 30 },
  { seed: SEED + 3, pageSize: 4096, scale: 100, faults: 0 },
];
/** Nothing waits for the disk: what is tested is what comes to lie on it. */
const QUICK: DatabaseOptions = { durability: "relaxed" };

/** What a report says of the file, whichever run it is of. */
function said({ finishedAt: _, dryRun: __, ...report }: GoImportReport) {
  return report;
}

/** Expects that each secret is what it was: valid, or refused for the reason that the file gives. */
async function expectSecrets(db: Database, { fates, tenants }: Expected, now: Date): Promise<void> {
  for (const { bucket, line, record } of fates) {
    if (bucket !== "api_keys") continue;
    const found = await db.verifyApiKey(line.secret as string);
    if (record === undefined) expect(found.ok, line.secret).toBe(false);
    else if (!record["isActive"]) expect(found, line.secret).toEqual({ ok: false, reason: "revoked" });
    else if (((record["expiresAt"] as Date | undefined) ?? Number.POSITIVE_INFINITY) <= now)
      expect(found, line.secret).toEqual({ ok: false, reason: "expired" });
    else if (!tenants.get(record.tenantId)?.isActive)
      expect(found, line.secret).toEqual({ ok: false, reason: "suspended" });
    else expect(found, line.secret).toMatchObject({ ok: true, key: { id: record.id } });
  }
}

/** Expects that the rows which the program made faulty are those that the model refuses: that tests the model. */
function expectFaults(lines: readonly GoLine[], codes: ReadonlyMap<GoLine, string | undefined>): void {
  for (const line of lines) {
    if (line.fault === undefined || line.fault === "duplicate") continue;
    const code = line.fault.startsWith("missing-") ? "REFERENCE_INVALID" : "RECORD_INVALID";
    expect(codes.get(line), `${line.fault}: ${line.value}`).toBe(code);
  }
  for (const [line, code] of codes)
    if (line.fault === undefined && code !== undefined) expect(code).not.toBe("RECORD_INVALID");
}

describe("the import of a file that a Go control plane wrote", () => {
  const databases = useDatabases();
  const go = useGoFiles();

  test.for(SPECS)("accounts for each row: seed $seed, $faults of 1000 faulty", async (spec, context) => {
    const { path, lines } = await go.make(context, spec);
    const expected = expectedOf(lines, databases.clock.now());
    expectFaults(lines, new Map(expected.fates.map(({ line, code }) => [line, code])));
    const db = await databases.open(QUICK);
    const report = await db.importGoFile(path);
    expect(report).toMatchObject({ file: path, schemaVersion: 2, dryRun: false, repeated: false });
    await expectImported(db, expected);
    expectReported(report, expected);
    await expectSecrets(db, expected, databases.clock.now());
  });

  test("accounts for each row of a committed file, which needs no Go", async () => {
    const { path, lines } = await fixture();
    const expected = expectedOf(lines, databases.clock.now());
    expect(expected.fates.filter(({ code }) => code !== undefined).length).toBeGreaterThan(3);
    const db = await databases.open(QUICK);
    expectReported(await db.importGoFile(path), expected);
    await expectImported(db, expected);
  });

  test("gives records without a tenant to the one that is asked for", async () => {
    const { path, lines } = await fixture();
    const expected = expectedOf(lines, databases.clock.now(), "a-branch");
    expect(expected.tenantsMade).toContain("a-branch");
    const db = await databases.open(QUICK);
    expectReported(await db.importGoFile(path, { tenantId: "a-branch" }), expected);
    await expectImported(db, expected);
  });

  test("changes nothing when it runs again, and says so", async () => {
    const { path } = await fixture();
    const first = await databases.open(QUICK);
    const report = await first.importGoFile(path);
    await first.close();
    const before = await digestOf(databases.path("db"));
    await copyFile(path, databases.path("copy.db"));
    databases.clock.advance(60_000);
    for (const file of [path, databases.path("copy.db")]) {
      const db = await databases.open(QUICK);
      const again = await db.importGoFile(file);
      expect(again.repeated).toBe(true);
      expect(again.sha256).toBe(report.sha256);
      await db.close();
      expect(await digestOf(databases.path("db"))).toBe(before);
    }
    const db = await databases.open(QUICK);
    expect(await db.importGoFile(path, { tenantId: "another" })).toMatchObject({ repeated: false });
  });

  test("of a file that grew adds what is new, and nothing twice", async (context) => {
    const { path, lines } = await go.make(context, { seed: SEED + 4, pageSize: 4096, scale: 150, faults: 0 });
    const random = new Random(SEED);
    const grows = ["audit_logs", "metrics_snapshots", "network_policies", "notification_channels"];
    const isThere = ({ path: [top], key }: GoLine) =>
      key === undefined || !grows.includes(String(top)) || random.chance(0.6);
    const before = go.write(lines.filter(isThere), 1024);
    const db = await databases.open(QUICK);
    await db.importGoFile(before.path);
    await expectImported(db, expectedOf(before.lines, databases.clock.now()));
    const report = await db.importGoFile(path);
    const keysOf = (file: readonly GoLine[]) =>
      expectedOf(file, databases.clock.now()).fates.filter(({ record }) => record !== undefined).length;
    const added = keysOf(lines) - keysOf(before.lines);
    expect(added).toBeGreaterThan(50);
    for (const { bucket, imported } of report.buckets)
      if (["audit_logs", "metrics_snapshots"].includes(bucket)) {
        const isNew = (line: GoLine) => String(line.path[0]) === bucket && !before.lines.includes(line);
        expect(imported, bucket).toBe(lines.filter(isNew).length);
      }
    await expectImported(db, expectedOf(lines, databases.clock.now()));
  });

  test("tells in a dry run what it would do, and leaves every row as it was", async () => {
    const { path } = await fixture();
    await (await databases.open(QUICK)).close();
    const before = await digestOf(databases.path("db"));
    const db = await databases.open(QUICK);
    const dry = await db.importGoFile(path, { dryRun: true });
    expect(dry).toMatchObject({ dryRun: true, repeated: false });
    await db.close();
    expect(await digestOf(databases.path("db"))).toBe(before);
    const real = await (await databases.open(QUICK)).importGoFile(path);
    expect(said(dry)).toEqual(said(real));
    expect(real.dryRun).toBe(false);
  });
});

import type { GoBucketReport, GoImportReport } from "@meshgate/database";
import { expect, test } from "vitest";
import { formatGoImport } from "../../src/cli/go-text.ts";

const bucket = (name: string, rest: Partial<GoBucketReport>): GoBucketReport => ({
  bucket: name,
  kind: "records",
  rows: 0,
  imported: 0,
  present: 0,
  quarantined: 0,
  expired: 0,
  ...rest,
});

const report: GoImportReport = {
  file: "/old/meshgate.db",
  sha256: "ab12",
  schemaVersion: 2,
  dryRun: false,
  repeated: false,
  finishedAt: new Date("2026-01-02T03:04:05.678Z"),
  buckets: [
    bucket("users", { rows: 1200, imported: 1197, present: 1, quarantined: 2 }),
    bucket("idx_users_by_email", { kind: "index", rows: 1200 }),
    bucket("sessions", { rows: 3, expired: 3 }),
    bucket("odd", { kind: "kept", rows: 4, imported: 4, keptAs: "go_odd" }),
    bucket("policies", { kind: "kept" }),
  ],
  tenantsMade: ["acme"],
  quarantined: ["u1", "u2"].map((key) => ({
    id: `users:${key}`,
    bucket: "users",
    key,
    code: "RECORD_INVALID",
    message: "email: not\n an\x1b[1m email",
  })),
  quarantinedCount: 2,
};

const lines = (rest: Partial<GoImportReport>) => formatGoImport({ ...report, ...rest }, "/new/db");

test("an import is shown as a table, what went to quarantine, tenants made, and what happened in words", () => {
  expect(lines({})).toEqual([
    "/old/meshgate.db: schema version 2, sha256 ab12",
    "",
    "bucket              holds        rows  imported  there before  quarantined  expired  kept as",
    "users               records     1,200     1,197             1            2",
    "idx_users_by_email  index       1,200",
    "sessions            records         3                                             3",
    "odd                 kept as is      4         4                                      go_odd",
    "policies            kept as is      0",
    "",
    "2 records went to quarantine:",
    '  users:u1  users "u1"',
    "      RECORD_INVALID: email: not\\x0a an\\x1b[1m email",
    '  users:u2  users "u2"',
    "      RECORD_INVALID: email: not\\x0a an\\x1b[1m email",
    "",
    "1 tenant made, which records name and the file does not have: acme",
    "",
    "Imported into /new/db: 1,201 rows imported, 1 were there already, 2 in quarantine, 3 too old to be kept. Indexes were built anew from the records, not from the file's 1,200 index rows.",
  ]);
});

test("a dry run says what would be", () => {
  const text = lines({ dryRun: true }).join("\n");
  expect(text).toContain("2 records would go to quarantine:");
  expect(text).toContain("1 tenant would be made, ");
  expect(text).toContain(
    "\nDry run, nothing was written: 1,201 rows would be imported, 1 are there already, 2 would go to quarantine, 3 too old",
  );
});

test("a repeated import says that nothing was done", () => {
  expect(lines({ repeated: true }).at(-1)).toBe(
    "This file was imported whole into /new/db on 2026-01-02T03:04:05.678Z: nothing was done now, and this is the report of then.",
  );
});

test("a clean import has no more to say than that", () => {
  const clean = { buckets: [bucket("users", { rows: 1, imported: 1 })], tenantsMade: [] };
  expect(lines({ ...clean, quarantined: [], quarantinedCount: 0 })).toEqual([
    "/old/meshgate.db: schema version 2, sha256 ab12",
    "",
    "bucket  holds    rows  imported",
    "users   records     1         1",
    "",
    "Imported into /new/db: 1 row imported.",
  ]);
});

test("long lists are cut, and say how much is left", () => {
  const [one] = report.quarantined;
  const many = { quarantined: Array.from({ length: 1000 }, () => one as never), quarantinedCount: 5020 };
  const text = lines({ ...many, tenantsMade: Array.from({ length: 23 }, (_, i) => `t${i}`) });
  expect(text.filter((line) => line.startsWith("  users:u1 "))).toHaveLength(20);
  expect(text).toContain("  … and 5,000 more");
  expect(text.find((line) => line.startsWith("23 tenants made"))).toMatch(/: t0, .*t19 … and 3 more$/);
});

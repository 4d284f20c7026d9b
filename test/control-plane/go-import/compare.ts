/** Compares a database with what an import must have come to. */
import type { Database, GoImportReport, QuarantineEntry } from "@meshgate/database";
import { expect } from "vitest";
import { type Expected, type Fate, INDEXES, KNOWN } from "./expected.ts";
import { expectKept } from "./kept.ts";

/** How an entry of the quarantine is named. */
export function heldId(bucket: string, key: Uint8Array): string {
  let name = "";
  for (const byte of key) {
    const character = String.fromCharCode(byte);
    const isPlain = /[A-Za-z0-9\-._~:@]/.test(character);
    name += isPlain ? character : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return `${bucket}/${name}`;
}

/** All entries of the quarantine, page by page. */
export async function allHeld(db: Database, size = 100): Promise<QuarantineEntry[]> {
  const entries: QuarantineEntry[] = [];
  for (let after: string | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
    const page = await db.system.quarantine.list({ size, after });
    entries.push(...page.records);
    after = page.next;
  }
  return entries;
}

/** Expects that every row of the file is where it must be, and nothing else is there. */
export async function expectImported(db: Database, expected: Expected): Promise<void> {
  await expectTenants(db, expected);
  for (const fate of expected.fates) if (fate.record !== undefined) await expectRecord(db, fate);
  await expectNothingElse(db, expected);
  await expectHeld(db, expected);
  await expectKept(db, expected.kept);
}

async function expectTenants(db: Database, expected: Expected): Promise<void> {
  const found = await db.listTenants();
  expect(found.map(({ id }) => id).sort()).toEqual([...expected.tenants.keys()].sort());
  for (const tenant of found) {
    expect(tenant).toEqual(expected.tenants.get(tenant.id));
    const { quota } = db.tenant(tenant.id);
    expect(await quota.get(), tenant.id).toMatchObject(expected.quotas.get(tenant.id) as object);
    expect(await quota.verify(), tenant.id).toMatchObject({ ok: true });
    const bills = (await quota.bills()).records.map(({ month, bandwidth }) => ({ month, bandwidth }));
    const wanted = expected.bills.filter(({ tenantId }) => tenantId === tenant.id);
    expect(
      bills.filter(({ bandwidth }) => bandwidth > 0),
      `bills of ${tenant.id}`,
    ).toEqual(wanted.map(({ month, bandwidth }) => ({ month, bandwidth })));
  }
}

/** Reads a record as a user of the library would. */
export async function readRecord(db: Database, { bucket, record }: Fate): Promise<object | undefined> {
  const { tenantId, id, timestamp, granularity } = record as never as {
    tenantId: string;
    id: string;
    timestamp: Date;
    granularity: "minute" | "hour" | "day";
  };
  if (bucket === "alert_rules" && tenantId === "") return db.system.alertRules.get(id);
  const tenant = db.tenant(tenantId);
  switch (bucket) {
    case "tenants":
      return tenant.get();
    case "tenant_quotas":
      return tenant.quota.get();
    case "users":
      return tenant.users.get(id);
    case "nodes":
      return tenant.nodes.get(id);
    case "node_groups":
      return tenant.groups.get(id);
    case "alert_rules":
      return tenant.alertRules.get(id);
    case "notification_channels":
      return tenant.channels.get(id);
    case "network_policies":
      return tenant.policies.get(id);
    case "api_keys":
      return tenant.apiKeys.get(id);
    case "audit_logs":
      return tenant.audit.get(id);
    case "metrics_snapshots":
      return tenant.metrics.get(granularity, timestamp, id);
  }
}

/** What the database adds by itself. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  api_keys: ["revokedAt"],
  audit_logs: ["sequence", "hash"],
  metrics_snapshots: ["series"],
};

async function expectRecord(db: Database, fate: Fate): Promise<void> {
  const { bucket, record } = fate;
  const found = await readRecord(db, fate);
  const what = `${bucket}/${fate.line.key?.toString("utf8")}`;
  expect(found, what).toBeDefined();
  if (bucket === "tenants" || bucket === "tenant_quotas") return;
  const kept: Record<string, unknown> = { ...found };
  for (const name of ADDED[bucket] ?? []) delete kept[name];
  expect(kept, what).toEqual(record);
}

const USAGE: readonly string[] = KNOWN.filter((name) => name !== "tenants" && name !== "tenant_quotas");

/** As many records as were imported, and three rules that each database has. */
async function expectNothingElse(db: Database, { fates, tenants }: Expected): Promise<void> {
  const found: Record<string, number> = {};
  for (const id of tenants.keys())
    for (const [name, count] of Object.entries(await db.tenant(id).usage()))
      found[name] = (found[name] ?? 0) + count;
  const wanted: Record<string, number> = {};
  for (const name of USAGE)
    wanted[name] = fates.filter(
      ({ bucket, record }) => bucket === name && record !== undefined && record.tenantId !== "",
    ).length;
  expect(found).toMatchObject(wanted);
  const defaults = ["api-errors", "high-auth-failures", "node-down"];
  const global = fates.flatMap(({ bucket, record }) =>
    bucket === "alert_rules" && record?.tenantId === "" ? [record.id] : [],
  );
  const rules = (await db.system.alertRules.all()).map(({ id }) => id);
  expect(rules).toEqual([...new Set([...defaults, ...global])].sort());
}

async function expectHeld(db: Database, { fates }: Expected): Promise<void> {
  const held = new Map((await allHeld(db)).map((entry) => [entry.id, entry]));
  const wanted = fates.filter(({ code }) => code !== undefined);
  expect([...held.keys()].sort()).toEqual(
    wanted.map(({ bucket, line }) => heldId(bucket, line.key as Buffer)).sort(),
  );
  expect(await db.system.quarantine.count()).toBe(wanted.length);
  for (const { bucket, line, code } of wanted) {
    const id = heldId(bucket, line.key as Buffer);
    const entry = held.get(id) as QuarantineEntry;
    expect(entry, id).toMatchObject({ bucket, code, status: "held", message: expect.stringMatching(/./) });
    const decode = (text: string, encoding: "utf8" | "base64") => Buffer.from(text, encoding).toString("hex");
    expect(decode(entry.key, entry.keyEncoding), id).toBe(line.key?.toString("hex"));
    expect(decode(entry.value, entry.valueEncoding), id).toBe(line.value.toString("hex"));
    expect(await db.system.quarantine.get(id)).toEqual(entry);
  }
}

/** Expects that the report counts each row of the file, where it went. */
export function expectReported(report: GoImportReport, { fates, tenantsMade, kept }: Expected): void {
  for (const each of report.buckets) {
    const { bucket, kind, rows, imported, present, quarantined, expired } = each;
    if (kind !== "index") expect(imported + present + quarantined + expired, bucket).toBe(rows);
    if (INDEXES.includes(bucket)) expect(kind, bucket).toBe("index");
    if (!(KNOWN as readonly string[]).includes(bucket)) continue;
    const here = fates.filter((fate) => fate.bucket === bucket);
    const held = here.filter(({ code }) => code !== undefined).length;
    // What is nested in it is kept elsewhere.
    const nested = kept.filter(({ path, key }) => key !== undefined && path[0]?.toString() === bucket).length;
    const total = here.length + nested;
    const counts = { rows: total, imported: total - held, quarantined: held, present: 0, expired: 0 };
    expect(each, bucket).toMatchObject({ kind: "records", ...counts });
    expect(each.keptAs, bucket).toBe(nested > 0 ? `${bucket}.go` : undefined);
  }
  const held = fates.filter(({ code }) => code !== undefined);
  expect(report.quarantinedCount).toBe(held.length);
  const nameOf = (each: { id: string; bucket: string; code: string }) =>
    `${each.id} of ${each.bucket}: ${each.code}`;
  const wanted = held.map(({ bucket, line, code }) =>
    nameOf({ id: heldId(bucket, line.key as Buffer), bucket, code: code as string }),
  );
  const told = report.quarantined.map(nameOf);
  expect(told.length).toBe(Math.min(1000, wanted.length));
  expect(told.filter((name) => !wanted.includes(name))).toEqual([]);
  expect([...report.tenantsMade].sort()).toEqual([...tenantsMade].sort());
}

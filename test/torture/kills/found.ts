/** Reads what a database holds of each slot: see expected.ts. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Bucket, Database, Transaction } from "@meshgate/database";
import { apiKeys } from "../../../src/control-plane/access/api-key-record.ts";
import { users } from "../../../src/control-plane/access/users.ts";
import { auditLogs } from "../../../src/control-plane/audit/audit-record.ts";
import { metricsSnapshots } from "../../../src/control-plane/metrics/metrics-record.ts";
import { nodes } from "../../../src/control-plane/network/node-record.ts";
import type { Lines } from "./expected.ts";
import {
  actorOf,
  counters,
  itemOf,
  items,
  metricOf,
  NESTS,
  nodeOf,
  partOf,
  parts,
  ROWS,
  SLOTS,
  tenantOf,
  textOf,
  userIdOf,
  userOf,
} from "./world.ts";

/** Lines by slot. A record that is not what its commit wrote makes a line that no state has. */
class Findings {
  readonly lines: string[][] = SLOTS.map(() => []);

  add(slot: number, line: string, found: unknown, wanted: unknown): void {
    const isSame = isDeepStrictEqual(found, wanted);
    this.#of(slot, line).push(isSame ? line : `${line} is changed: ${JSON.stringify(found)}`);
  }

  #of(slot: number, line: string): string[] {
    const lines = this.lines[slot];
    assert.ok(lines, `${line} is of the slot ${slot}, which there is not`);
    return lines;
  }
}

/** What there is of each slot, all of one moment. */
export function findSlots(db: Database): Promise<Lines[]> {
  return db.view(async ({ transaction: tx }) => {
    const findings = new Findings();
    await findRecords(tx, findings);
    await findRows(tx, findings);
    await findControlPlane(tx, findings);
    await findAudit(tx, findings);
    return findings.lines.map((lines) => lines.sort());
  });
}

async function findRecords(tx: Transaction, findings: Findings): Promise<void> {
  for await (const item of items.in(tx).range())
    findings.add(item.slot, `item ${item.n}`, item, itemOf(item.slot, item.n));
  for await (const part of parts.in(tx).range()) {
    const { slot, n, part: place } = part;
    findings.add(slot, `part ${n} ${place}`, part, partOf(slot, n, place));
  }
  for await (const { slot, last } of counters.in(tx).range())
    findings.add(slot, `counter ${(last - slot) / 1000}`, true, true);
}

async function findRows(tx: Transaction, findings: Findings): Promise<void> {
  const rows = await tx.bucket<unknown, [slot: number, n: number]>(ROWS);
  for await (const [[slot, n], row] of rows?.range() ?? [])
    findings.add(slot, `row ${n}`, row, { slot, n, text: textOf(slot, n) });
  const nests = await tx.bucket(NESTS);
  for (const name of (await nests?.buckets()) ?? []) {
    const { slot, n } = partsOf(name);
    const nest = (await nests?.bucket(name)) as Bucket;
    findings.add(slot, `nest ${n}`, await nest.values().toArray(), Array(10).fill(n));
  }
}

/** What "u-3-17" or "3-17" names. */
function partsOf(name: string): { readonly slot: number; readonly n: number } {
  const [n, slot] = name.split("-").map(Number).reverse();
  return { slot: slot ?? -1, n: n ?? -1 };
}

async function findControlPlane(tx: Transaction, findings: Findings): Promise<void> {
  for await (const { createdAt: _, tenantId, ...user } of users.in(tx).range()) {
    const { slot, n } = partsOf(user.id);
    findings.add(slot, `user ${n}`, { ...user, tenantId }, { ...userOf(slot, n), tenantId: tenantOf(slot) });
  }
  for await (const { id, publicKey, ipAddress, tenantId } of nodes.in(tx).range()) {
    const { slot, n } = partsOf(id);
    const found = { id, publicKey, ipAddress, tenantId };
    findings.add(slot, `node ${n}`, found, { ...nodeOf(slot, n), tenantId: tenantOf(slot) });
  }
  for await (const { name, userId, tenantId, isActive } of apiKeys.in(tx).range()) {
    const { slot, n } = partsOf(name);
    const wanted = { userId: userIdOf(slot, n), tenantId: tenantOf(slot) };
    findings.add(slot, `key ${n} ${isActive ? "active" : "revoked"}`, { userId, tenantId }, wanted);
  }
  for await (const { series: _, tenantId, ...snapshot } of metricsSnapshots.in(tx).range()) {
    const { slot, n } = partsOf(snapshot.id);
    const wanted = { ...metricOf(slot, n), tenantId: tenantOf(slot) };
    findings.add(slot, `metric ${n}`, { ...snapshot, tenantId }, wanted);
  }
}

/** Entries of one slot lie in the order of its commits, among those of others. */
async function findAudit(tx: Transaction, findings: Findings): Promise<void> {
  const counts = SLOTS.map(() => 0);
  for await (const { userId, tenantId, action, resource } of auditLogs.in(tx).range()) {
    const slot = SLOTS.findIndex((each) => actorOf(each) === userId);
    const place = (counts[slot] ?? 0) + 1;
    counts[slot] = place;
    const said = `${action} ${resource.replace(/^(api_keys)\/.*/, "$1")}`;
    findings.add(slot, `audit ${place} ${said}`, tenantId, slot < 0 ? undefined : tenantOf(slot));
  }
}

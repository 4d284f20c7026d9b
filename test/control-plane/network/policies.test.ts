import { DatabaseManager } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { auditLogs } from "../../../src/control-plane/audit/audit-record.ts";
import type { NetworkPolicyInput } from "../../../src/control-plane/network/policies.ts";
import { networkPolicies } from "../../../src/control-plane/network/policy-record.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";

const places = usePlaces();
const START = new Date("2026-03-10T12:00:00.000Z");
const ANY = { type: "any" } as const;

async function openTenant() {
  let time = START.getTime();
  const db = await DatabaseManager.open(places.path("db"), { now: () => new Date(time) });
  places.later(() => db.close());
  await db.system.tenants.save({ id: "t", name: "t" });
  const pass = (ms: number) => {
    time += ms;
    return new Date(time);
  };
  return { db, tenant: db.tenant("t"), policies: db.tenant("t").policies, pass };
}

function policy(id: string, more: Partial<NetworkPolicyInput> = {}): NetworkPolicyInput {
  return { id, name: id, rules: [], appliedTo: ANY, ...more };
}

const idsOf = (records: readonly { readonly id: string }[]) => records.map(({ id }) => id);

function node(id: string, n: number) {
  return { id, publicKey: Buffer.alloc(32, n).toString("base64") };
}

describe("policies are kept", () => {
  test("with what was left out filled in, and the times of the first write and the last", async () => {
    const { policies, pass } = await openTenant();
    const rule: NetworkPolicyInput["rules"][number] = {
      action: "allow",
      source: ANY,
      destination: { type: "cidr", values: ["2001:DB8::/32"] },
    };
    const saved = await policies.save(policy("a", { rules: [rule] }));
    const any = { type: "any", values: [], labels: {} };
    expect(saved).toEqual({
      tenantId: "t",
      id: "a",
      name: "a",
      description: "",
      rules: [
        {
          action: "allow",
          protocol: "any",
          ports: [],
          source: any,
          destination: { type: "cidr", values: ["2001:db8::/32"], labels: {} },
        },
      ],
      appliedTo: any,
      priority: 100,
      enabled: true,
      createdAt: START,
      updatedAt: START,
    });
    expect(await policies.get("a")).toEqual(saved);
    const later = pass(1000);
    const updated = await policies.update("a", { description: "ours", priority: -0 });
    expect(updated).toEqual({ ...saved, description: "ours", priority: 0, updatedAt: later });
    // What was read can be written again, and stays what it is.
    expect(await policies.save(updated)).toEqual(updated);
    expect(await policies.delete("a")).toBe(true);
    expect(await policies.delete("a")).toBe(false);
    expect(await policies.count()).toBe(0);
  });

  test("what is no policy is refused, and nothing is written", async () => {
    const { policies } = await openTenant();
    const wrong: unknown[] = [
      ...[
        { appliedTo: undefined },
        { rules: undefined },
        { priority: 1.5 },
        { priority: 1e7 },
        { enabled: "yes" },
      ],
      ...[
        { rules: [{ action: "allow" }] },
        { appliedTo: { type: "cidr", values: ["10.0.0.1"] } },
        { more: 1 },
      ],
      { appliedTo: { type: "any", labels: JSON.parse('{ "__proto__": "x" }') } },
    ];
    for (const more of wrong)
      await expectRefused("RECORD_INVALID", () => policies.save(policy("a", more as object)));
    await expectRefused("RECORD_INVALID", () => policies.save(policy("")));
    await expectRefused("TENANT_MISMATCH", () => policies.save({ ...policy("a"), tenantId: "other" }));
    await expectRefused("RECORD_INVALID", () =>
      policies.saveMany([policy("a"), policy("b", { priority: 0.5 })]),
    );
    await expectRefused("RECORD_NOT_FOUND", () => policies.update("a", { priority: 1 }));
    expect(await policies.count()).toBe(0);
  });

  test("targets may name what is not there, and stay when it goes", async () => {
    const { tenant, policies } = await openTenant();
    await tenant.nodes.save(node("n", 1));
    await tenant.groups.save({ id: "g", name: "g", nodeIds: ["n"] });
    const byNode = await policies.save(
      policy("node", { appliedTo: { type: "node", values: ["n", "later"] } }),
    );
    const byGroup = await policies.save(policy("group", { appliedTo: { type: "group", values: ["g"] } }));
    expect(idsOf(await policies.forNode("n"))).toEqual(["group", "node"]);
    await tenant.groups.delete("g");
    expect(idsOf(await policies.forNode("n"))).toEqual(["node"]);
    await tenant.nodes.delete("n");
    await expectRefused("RECORD_NOT_FOUND", () => policies.forNode("n"));
    expect((await policies.list()).records).toEqual([byGroup, byNode]);
    await tenant.nodes.save(node("later", 2));
    expect(idsOf(await policies.forNode("later"))).toEqual(["node"]);
  });
});

describe("policies are listed", () => {
  test("by id; the enabled ones by priority, then id; in pages", async () => {
    const { db, policies } = await openTenant();
    const priorities = [5, -3, 5, 0, 100, 7, -3, 5];
    await policies.saveMany(
      priorities.map((priority, i) => policy(`p${i}`, { priority, enabled: i !== 5 && i !== 2 })),
    );
    await db.system.tenants.save({ id: "other", name: "other" });
    await db.tenant("other").policies.save(policy("p8", { priority: -9 }));
    const all = async (enabled: boolean | undefined, size: number) => {
      const found: string[] = [];
      for (let after: string | undefined, pages = 0; ; pages++) {
        const page = await policies.list({ enabled, size, after });
        expect(page.records.length).toBeLessThanOrEqual(size);
        found.push(...idsOf(page.records));
        after = page.next;
        if (after === undefined) return found;
        expect(pages).toBeLessThan(20);
      }
    };
    for (const size of [1, 3, 100]) {
      expect(await all(undefined, size)).toEqual(["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"]);
      expect(await all(true, size)).toEqual(["p1", "p6", "p3", "p0", "p7", "p4"]);
      expect(await all(false, size)).toEqual(["p2", "p5"]);
    }
    const { next } = await policies.list({ enabled: true, size: 2 });
    await expectRefused("TOKEN_INVALID", () => policies.list({ size: 2, after: next }));
    await expectRefused("TOKEN_INVALID", () =>
      db.tenant("other").policies.list({ enabled: true, size: 2, after: next }),
    );
  });

  test("options that a list does not have are refused", async () => {
    const { policies } = await openTenant();
    for (const options of [
      { enable: true },
      { enabled: "true" },
      { enabled: null },
      { size: 0 },
      { prefix: ["t"] },
    ])
      await expectRefused("OPTION_INVALID", () => policies.list(options as object));
  });
});

describe("policies are switched", () => {
  test("on and off, with the audit trail told of what changed", async () => {
    const { db, tenant, policies, pass } = await openTenant();
    const saved = await policies.save(policy("a"));
    const at = pass(5);
    const asAdmin = tenant.as({ userId: "admin" }).policies;
    expect(await asAdmin.disable("a")).toEqual({ ...saved, enabled: false, updatedAt: at });
    expect((await policies.list({ enabled: true })).records).toEqual([]);
    pass(5);
    expect(await asAdmin.disable("a")).toMatchObject({ enabled: false, updatedAt: at });
    expect(await asAdmin.enable("a")).toMatchObject({ enabled: true, createdAt: START });
    expect(await asAdmin.enable("a")).toMatchObject({ enabled: true });
    expect(idsOf((await policies.list({ enabled: true })).records)).toEqual(["a"]);
    await expectRefused("RECORD_NOT_FOUND", () => asAdmin.enable("b"));
    await asAdmin.saveMany([policy("b"), policy("c")]);
    await asAdmin.delete("b");
    const told = await db.store.view((tx) =>
      auditLogs
        .in(tx)
        .range({ prefix: ["t"] })
        .toArray(),
    );
    expect(told.map(({ action, resource }) => `${action} ${resource}`)).toEqual([
      "policy.disable network_policies/a",
      "policy.enable network_policies/a",
      "policy.saveMany network_policies",
      "policy.delete network_policies/b",
    ]);
  });

  test("not by a suspended tenant, and not another's", async () => {
    const { db, policies } = await openTenant();
    await policies.save(policy("a"));
    await db.system.tenants.save({ id: "other", name: "other" });
    for (const call of ["enable", "disable"] as const) {
      await expectRefused("RECORD_NOT_FOUND", () => db.tenant("other").policies[call]("a"));
      await expectRefused("TENANT_NOT_FOUND", () => db.tenant("none").policies[call]("a"));
    }
    await db.system.tenants.suspend("t");
    await expectRefused("TENANT_SUSPENDED", () => policies.disable("a"));
    expect(await policies.get("a")).toMatchObject({ enabled: true });
    expect((await networkPolicies.verify(db.store)).problems).toEqual([]);
  });
});

describe("policies of a node", () => {
  test("are the enabled ones that are applied to it, in order of priority", async () => {
    const { db, tenant, policies } = await openTenant();
    await tenant.nodes.save({ ...node("n", 1), ipAddress: "10.0.0.7", metadata: { role: "db" } });
    await tenant.groups.save({ id: "g", name: "", nodeIds: ["n"], labels: { tier: "1" } });
    await policies.saveMany([
      policy("any", { priority: 9 }),
      policy("off", { priority: 8, enabled: false }),
      policy("cidr", { priority: 7, appliedTo: { type: "cidr", values: ["10.0.0.0/29"] } }),
      policy("other-cidr", { priority: 6, appliedTo: { type: "cidr", values: ["10.0.0.8/29"] } }),
      policy("labels", { priority: 5, appliedTo: { type: "node", labels: { role: "db" } } }),
      policy("other-labels", { priority: 4, appliedTo: { ...ANY, labels: { role: "web" } } }),
      policy("b-group", { priority: 3, appliedTo: { type: "group", labels: { tier: "1" } } }),
      policy("a-group", { priority: 3, appliedTo: { type: "group", values: ["g"] } }),
      policy("other-group", { priority: 2, appliedTo: { type: "group", values: ["h"] } }),
    ]);
    await db.system.tenants.save({ id: "other", name: "other" });
    await db.tenant("other").policies.save(policy("theirs", { priority: -1 }));
    const applying = await policies.forNode("n");
    expect(idsOf(applying)).toEqual(["a-group", "b-group", "labels", "cidr", "any"]);
    expect(applying[4]).toEqual(await policies.get("any"));
    await expectRefused("RECORD_NOT_FOUND", () => policies.forNode("none"));
    await expectRefused("RECORD_NOT_FOUND", () => db.tenant("other").policies.forNode("n"));
  });
});

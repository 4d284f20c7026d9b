import { DatabaseManager } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import type { Flow, FlowEnd } from "../../../src/control-plane/network/flow.ts";
import type { NetworkPolicyInput } from "../../../src/control-plane/network/policies.ts";
import type { TenantOperations } from "../../../src/control-plane/tenant-operations.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { flowOf, makeWorld, modelDecision, modelForNode, type World, worldSeed } from "./policy-model.ts";

const places = usePlaces();
const ANY = { type: "any" } as const;
type Rule = NetworkPolicyInput["rules"][number];
type Target = Rule["source"];

async function openDatabase() {
  const db = await DatabaseManager.open(places.path("db"));
  places.later(() => db.close());
  return db;
}

function keyOf(n: number): string {
  const bytes = Buffer.alloc(32, 1);
  bytes.writeUInt32BE(n, 0);
  return bytes.toString("base64");
}

const NODES = [
  { id: "web", publicKey: keyOf(1), ipAddress: "10.0.0.1", metadata: { role: "web", zone: "a" } },
  { id: "db", publicKey: keyOf(2), ipAddress: "fd00::2", metadata: { role: "db" } },
  { id: "bare", publicKey: keyOf(3) },
];

/** A tenant with three nodes, and a group with each of the first two. */
async function openTenant(policyMode: "strict" | "permissive" = "strict") {
  const db = await openDatabase();
  await db.system.tenants.save({ id: "t", name: "t", settings: { policyMode } });
  const tenant = db.tenant("t");
  await tenant.nodes.saveMany(NODES);
  await tenant.groups.save({ id: "front", name: "", nodeIds: ["web"], labels: { tier: "1" } });
  await tenant.groups.save({ id: "back", name: "", nodeIds: ["db"], labels: { tier: "2" } });
  return { db, tenant };
}

const rule = (action: Rule["action"], more: Partial<Rule> = {}): Rule => ({
  action,
  source: ANY,
  destination: ANY,
  ...more,
});

function policy(id: string, rules: Rule[], more: Partial<NetworkPolicyInput> = {}): NetworkPolicyInput {
  return { id, name: `policy ${id}`, rules, appliedTo: ANY, ...more };
}

const tcp = (source: FlowEnd, destination: FlowEnd, port?: number): Flow => ({
  source,
  destination,
  protocol: "tcp",
  port,
});
const WEB_TO_DB = tcp({ nodeId: "web" }, { nodeId: "db" }, 443);

describe("a flow is decided", () => {
  test("as a naive model decides it, over random worlds in one database", async () => {
    const db = await openDatabase();
    const seen: Record<string, number> = {};
    const see = (what: string) => {
      seen[what] = (seen[what] ?? 0) + 1;
    };
    for (let i = 0; i < 60; i++) {
      // All worlds use the same ids of nodes, groups and policies: what one sees of another shows.
      const tenant = db.tenant(`world-${i}`);
      const world = makeWorld(worldSeed(i));
      await fill(db, tenant, world);
      for (const { id } of world.nodes) {
        const applying = await tenant.policies.forNode(id);
        expect(
          applying.map((each) => each.id),
          `forNode(${id}) of seed ${worldSeed(i)}`,
        ).toEqual(modelForNode(world, id));
      }
      for (let j = 0; j < 100; j++) {
        const { flow, modelled } = flowOf(world);
        const decided = await tenant.policies.decide(flow);
        const expected = modelDecision(world, modelled);
        expect(decided, `${JSON.stringify(flow)} of seed ${worldSeed(i)}`).toEqual(expected);
        see(decided.isDefault ? `default ${decided.verdict}` : decided.verdict);
        if (decided.action === "log") see("log");
        if (decided.policyId === undefined) see("no match");
      }
    }
    // The worlds are of use only while all that can come out does, often.
    for (const what of ["default allow", "default deny", "allow", "deny", "log", "no match"])
      expect(seen[what], what).toBeGreaterThan(100);
  });

  test("by the first rule that matches, of the lowest priority, then the lowest id", async () => {
    const { tenant } = await openTenant();
    const { policies } = tenant;
    await policies.save(policy("c", [rule("allow")], { priority: 5 }));
    await policies.save(policy("b", [rule("deny", { protocol: "udp" }), rule("deny")], { priority: 5 }));
    expect(await policies.decide(WEB_TO_DB)).toEqual({
      action: "deny",
      policyId: "b",
      policyName: "policy b",
      rule: 1,
      verdict: "deny",
      verdictBy: { policyId: "b", rule: 1 },
      logged: [],
      isDefault: false,
    });
    await policies.save(policy("B", [rule("allow")], { priority: 5 }));
    expect(await policies.decide(WEB_TO_DB)).toMatchObject({ policyId: "B", verdict: "allow" });
    await policies.save(policy("z", [rule("deny")], { priority: -1 }));
    expect(await policies.decide(WEB_TO_DB)).toMatchObject({ policyId: "z", verdict: "deny" });
    await policies.save(policy("y", [rule("allow")], { priority: -10 }));
    expect(await policies.decide(WEB_TO_DB)).toMatchObject({ policyId: "y", verdict: "allow" });
    await policies.disable("y");
    await policies.disable("z");
    await policies.disable("B");
    expect(await policies.decide(WEB_TO_DB)).toMatchObject({ policyId: "b", verdict: "deny" });
    await policies.update("b", { priority: 1000 });
    expect(await policies.decide(WEB_TO_DB)).toMatchObject({ policyId: "c", verdict: "allow" });
  });

  test("by the tenant's mode where no rule decides", async () => {
    const { db, tenant } = await openTenant("strict");
    const nothing = { policyId: undefined, policyName: undefined, rule: undefined, verdictBy: undefined };
    const denied = { ...nothing, action: "deny", verdict: "deny", logged: [], isDefault: true };
    expect(await tenant.policies.decide(WEB_TO_DB)).toEqual(denied);
    await tenant.policies.save(policy("none", []));
    await tenant.policies.save(policy("off", [rule("allow")], { enabled: false }));
    await tenant.policies.save(policy("udp", [rule("allow", { protocol: "udp" })]));
    expect(await tenant.policies.decide(WEB_TO_DB)).toEqual(denied);
    await db.system.tenants.update("t", { settings: { policyMode: "permissive" } });
    expect(await tenant.policies.decide(WEB_TO_DB)).toEqual({ ...denied, action: "allow", verdict: "allow" });
  });

  test("a rule that logs is noted, and what follows decides", async () => {
    const { tenant } = await openTenant("permissive");
    const { policies } = tenant;
    await policies.save(policy("a", [rule("log", { ports: ["443"] }), rule("log")], { priority: 1 }));
    const logged = [
      { policyId: "a", rule: 0 },
      { policyId: "a", rule: 1 },
    ];
    const first = { action: "log", policyId: "a", policyName: "policy a", rule: 0, logged };
    expect(await policies.decide(WEB_TO_DB)).toEqual({
      ...first,
      verdict: "allow",
      verdictBy: undefined,
      isDefault: true,
    });
    await policies.save(policy("b", [rule("deny"), rule("log")], { priority: 2 }));
    await policies.save(policy("c", [rule("log")], { priority: 3 }));
    expect(await policies.decide(WEB_TO_DB)).toEqual({
      ...first,
      verdict: "deny",
      verdictBy: { policyId: "b", rule: 0 },
      isDefault: false,
    });
  });

  test("by policies that are applied to the source or the destination, and no others", async () => {
    const { tenant } = await openTenant();
    const decideBy = async (appliedTo: Target) => {
      await tenant.policies.save(policy("a", [rule("allow")], { appliedTo }));
      return (await tenant.policies.decide(WEB_TO_DB)).verdict;
    };
    expect(await decideBy({ type: "node", values: ["web"] })).toBe("allow");
    expect(await decideBy({ type: "group", values: ["back"] })).toBe("allow");
    expect(await decideBy({ type: "node", values: ["bare", "nobody"] })).toBe("deny");
    expect(await decideBy({ type: "cidr", values: ["fd00::/64"] })).toBe("allow");
    expect(await decideBy({ type: "cidr", values: ["fd00:0:0:1::/64"] })).toBe("deny");
  });
});

describe("rules match", () => {
  test("protocols and ports", async () => {
    const { tenant } = await openTenant();
    const ends = { source: { nodeId: "web" }, destination: { nodeId: "db" } };
    const passes = async (more: Partial<Rule>, flow: Pick<Flow, "protocol" | "port">) => {
      await tenant.policies.save(policy("a", [rule("allow", more)]));
      return (await tenant.policies.decide({ ...ends, ...flow })).verdict === "allow";
    };
    const ports = ["80", "8000-8080"];
    expect(await passes({ protocol: "any" }, { protocol: "icmp" })).toBe(true);
    expect(await passes({ protocol: "icmp" }, { protocol: "icmp" })).toBe(true);
    expect(await passes({ protocol: "icmp" }, { protocol: "udp", port: 1 })).toBe(false);
    expect(await passes({ protocol: "tcp" }, { protocol: "tcp" })).toBe(true);
    expect(await passes({ protocol: "tcp", ports }, { protocol: "tcp" })).toBe(false);
    expect(await passes({ protocol: "any", ports }, { protocol: "icmp" })).toBe(false);
    for (const [port, expected] of [
      ...([
        [80, true],
        [81, false],
        [79, false],
        [7999, false],
        [8000, true],
      ] as const),
      ...([
        [8040, true],
        [8080, true],
        [8081, false],
        [0, false],
        [65_535, false],
      ] as const),
    ]) {
      expect(await passes({ protocol: "tcp", ports }, { protocol: "tcp", port }), `${port}`).toBe(expected);
      expect(await passes({ ports }, { protocol: "udp", port }), `${port}`).toBe(expected);
    }
    expect(await passes({ ports: ["0-65535"] }, { protocol: "tcp", port: 0 })).toBe(true);
  });

  test("nodes, groups, CIDRs and labels; an address that a node has is that node", async () => {
    const { tenant } = await openTenant();
    const matches = async (source: Target, end: FlowEnd) => {
      await tenant.policies.save(policy("a", [rule("allow", { source })]));
      return (await tenant.policies.decide(tcp(end, { nodeId: "bare" }))).verdict === "allow";
    };
    const web = [{ nodeId: "web" }, { ipAddress: "10.0.0.1" }, { ipAddress: "::ffff:a00:1" }] as const;
    for (const end of web) {
      const expectMatch = async (target: Target, expected: boolean) =>
        expect(await matches(target, end), JSON.stringify({ target, end })).toBe(expected);
      await expectMatch({ type: "node", values: ["db", "web"] }, true);
      await expectMatch({ type: "node", values: ["db"] }, false);
      await expectMatch({ type: "node", labels: { role: "web", zone: "a" } }, true);
      await expectMatch({ type: "node", labels: { role: "web", zone: "b" } }, false);
      await expectMatch({ type: "node", values: ["web"], labels: { role: "db" } }, false);
      await expectMatch({ type: "node", labels: { constructor: "x" } }, false);
      await expectMatch({ type: "group", values: ["front", "none"] }, true);
      await expectMatch({ type: "group", values: ["back"] }, false);
      await expectMatch({ type: "group", labels: { tier: "1" } }, true);
      await expectMatch({ type: "group", values: ["front"], labels: { tier: "2" } }, false);
      await expectMatch({ type: "cidr", values: ["fd00::/8", "10.0.0.0/31"] }, true);
      await expectMatch({ type: "cidr", values: ["::ffff:10.0.0.0/126"] }, true);
      await expectMatch({ type: "cidr", values: ["10.0.0.255/24"] }, true);
      await expectMatch({ type: "cidr", values: ["10.0.0.2/32", "::/0"] }, false);
      await expectMatch({ type: "cidr", values: ["0.0.0.0/0"], labels: { zone: "a" } }, true);
      await expectMatch({ type: "cidr", values: ["0.0.0.0/0"], labels: { zone: "b" } }, false);
      await expectMatch({ ...ANY, labels: { zone: "a" } }, true);
      await expectMatch({ ...ANY, labels: { zone: "" } }, false);
    }
    const foreign = { ipAddress: "10.0.0.9" };
    expect(await matches(ANY, foreign)).toBe(true);
    expect(await matches({ ...ANY, labels: { zone: "a" } }, foreign)).toBe(false);
    expect(await matches({ type: "cidr", values: ["10.0.0.0/24"] }, foreign)).toBe(true);
    expect(await matches({ type: "cidr", values: ["10.0.0.0/24"], labels: { zone: "a" } }, foreign)).toBe(
      false,
    );
    expect(await matches({ type: "node", values: ["web"] }, foreign)).toBe(false);
    expect(await matches({ type: "group", values: ["front"] }, foreign)).toBe(false);
    // Neither an address of the deprecated form, nor a node without one, lies in a range of IPv4.
    expect(await matches({ type: "cidr", values: ["0.0.0.0/0"] }, { ipAddress: "::10.0.0.1" })).toBe(false);
    expect(await matches({ type: "cidr", values: ["0.0.0.0/0", "::/0"] }, { nodeId: "bare" })).toBe(false);
    expect(await matches({ type: "cidr", values: ["::/0"] }, { nodeId: "db" })).toBe(true);
  });

  test("one group must have both the id and the labels", async () => {
    const { tenant } = await openTenant();
    await tenant.groups.addNode("back", "web");
    const source: Target = { type: "group", values: ["front"], labels: { tier: "2" } };
    await tenant.policies.save(policy("a", [rule("allow", { source })]));
    expect((await tenant.policies.decide(WEB_TO_DB)).verdict).toBe("deny");
    await tenant.groups.update("front", { labels: { tier: "2" } });
    expect((await tenant.policies.decide(WEB_TO_DB)).verdict).toBe("allow");
    await tenant.groups.removeNode("front", "web");
    expect((await tenant.policies.decide(WEB_TO_DB)).verdict).toBe("deny");
  });
});

describe("the ground of a decision", () => {
  test("policies, nodes and groups of another tenant never count", async () => {
    const { db, tenant } = await openTenant();
    await db.system.tenants.save({ id: "other", name: "other", settings: { policyMode: "permissive" } });
    const other = db.tenant("other");
    await other.nodes.save({
      id: "web",
      publicKey: keyOf(1),
      ipAddress: "10.9.9.9",
      metadata: { role: "db" },
    });
    await other.nodes.save({ id: "theirs", publicKey: keyOf(9), ipAddress: "10.0.0.9" });
    await other.groups.save({ id: "front", name: "", nodeIds: ["web", "theirs"] });
    await other.policies.save(policy("a", [rule("allow")], { priority: -1000 }));
    expect(await tenant.policies.decide(WEB_TO_DB)).toMatchObject({ verdict: "deny", isDefault: true });
    await tenant.policies.save(
      policy("b", [rule("allow", { source: { type: "group", values: ["front"] } })]),
    );
    await expectRefused("RECORD_NOT_FOUND", () =>
      tenant.policies.decide(tcp({ nodeId: "theirs" }, WEB_TO_DB.destination)),
    );
    const theirs = tcp({ ipAddress: "10.0.0.9" }, WEB_TO_DB.destination);
    expect((await tenant.policies.decide(theirs)).verdict).toBe("deny");
    expect((await tenant.policies.decide(WEB_TO_DB)).verdict).toBe("allow");
    expect(await other.policies.decide(tcp({ nodeId: "web" }, { nodeId: "theirs" }))).toMatchObject({
      policyId: "a",
    });
  });

  test("is one moment: that of the transaction where there is one", async () => {
    const { db, tenant } = await openTenant();
    await db.view(async (tx) => {
      await tenant.policies.save(policy("a", [rule("allow")]));
      await tenant.nodes.delete("web");
      expect(await tx.tenant("t").policies.decide(WEB_TO_DB)).toMatchObject({ isDefault: true });
    });
    await expectRefused("RECORD_NOT_FOUND", () => tenant.policies.decide(WEB_TO_DB));
    const flow = tcp({ nodeId: "bare" }, { nodeId: "db" });
    await db.update(async (tx) => {
      await tx.tenant("t").policies.save(policy("first", [rule("deny")], { priority: 1 }));
      expect(await tx.tenant("t").policies.decide(flow)).toMatchObject({ policyId: "first" });
    });
    expect(await tenant.policies.decide(flow)).toMatchObject({ policyId: "first" });
  });

  test("a flow that changes while it is decided is decided as it was asked", async () => {
    const { tenant } = await openTenant();
    await tenant.policies.save(policy("a", [rule("allow", { protocol: "tcp" })]));
    const flow = { source: { nodeId: "web" }, destination: { nodeId: "db" }, protocol: "udp" as string };
    const decided = tenant.policies.decide(flow as Flow);
    flow.protocol = "tcp";
    flow.source.nodeId = "nobody";
    expect((await decided).verdict).toBe("deny");
  });

  test("a suspended tenant can still decide; one that is not there cannot", async () => {
    const { db, tenant } = await openTenant();
    await db.system.tenants.suspend("t");
    expect((await tenant.policies.decide(WEB_TO_DB)).verdict).toBe("deny");
    const addresses = tcp({ ipAddress: "::1" }, { ipAddress: "::2" });
    await expectRefused("TENANT_NOT_FOUND", () => db.tenant("none").policies.decide(addresses));
    await expectRefused("RECORD_NOT_FOUND", () => db.tenant("none").policies.decide(WEB_TO_DB));
  });

  test("what is no flow is refused", async () => {
    const { tenant } = await openTenant();
    const { source, destination } = WEB_TO_DB;
    const flows: unknown[] = [
      ...[undefined, null, "web", {}, { source, destination }, { source, protocol: "tcp" }],
      ...[
        { ...WEB_TO_DB, prot: "tcp" },
        { ...WEB_TO_DB, protocol: "any" },
        { ...WEB_TO_DB, protocol: "TCP" },
      ],
      ...[-1, 65_536, 1.5, Number.NaN, "443", null].map((port) => ({ ...WEB_TO_DB, port })),
      { ...WEB_TO_DB, protocol: "icmp" },
      ...[undefined, null, "web", {}, { nodeId: "web", ipAddress: "10.0.0.1" }, { id: "web" }].map((end) => ({
        ...WEB_TO_DB,
        source: end,
      })),
      ...["", 1, null, "\ud800", "x".repeat(513), ["web"]].map((nodeId) => ({
        ...WEB_TO_DB,
        source: { nodeId },
      })),
      ...["", "10.0.0", "10.0.0.0/8", "fe80::1%eth0", "010.0.0.1", 1, null, ["::1"]].map((ipAddress) => ({
        ...WEB_TO_DB,
        destination: { ipAddress },
      })),
    ];
    for (const flow of flows)
      await expectRefused("OPTION_INVALID", () => tenant.policies.decide(flow as Flow));
    await expectRefused("RECORD_NOT_FOUND", () =>
      tenant.policies.decide(tcp({ nodeId: "WEB" }, destination)),
    );
    await expectRefused("RECORD_NOT_FOUND", () => tenant.policies.decide(tcp(source, { nodeId: "nobody" })));
  });
});

async function fill(
  db: Awaited<ReturnType<typeof openDatabase>>,
  tenant: TenantOperations,
  world: World,
): Promise<void> {
  const { policyMode } = world;
  await db.system.tenants.save({ id: tenant.id, name: "", settings: { policyMode } });
  await db.update(async (tx) => {
    const within = tx.tenant(tenant.id);
    await within.nodes.saveMany(
      world.nodes.map(({ id, address, metadata }, i) => ({
        id,
        publicKey: keyOf(i),
        metadata,
        ...(address === undefined ? {} : { ipAddress: address.written }),
      })),
    );
    await within.groups.saveMany(world.groups.map((group) => ({ ...group, name: "" })));
    await within.policies.saveMany(world.policies.map((each) => each.input));
  });
}

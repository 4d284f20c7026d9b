import { describe, expect, test } from "vitest";
import { expectRefused } from "../../helpers/stores.ts";
import { keyOf, MINUTE, nodeOf, useDatabases } from "../databases.ts";

describe("nodes and groups", () => {
  const databases = useDatabases();

  test("nodes are found by status, public key and address, within a tenant and across", async () => {
    const db = await databases.open();
    for (const tenantId of ["a", "b"])
      for (let n = 0; n < 3; n++) await db.saveNode({ ...nodeOf(n), tenantId });
    const { nodes } = db.tenant("a");
    await nodes.update("n1", { status: "online" });
    expect(await nodes.get("n1")).toEqual({
      ...nodeOf(1),
      tenantId: "a",
      name: "n1",
      status: "online",
      createdAt: databases.clock.now(),
      metadata: {},
    });
    expect((await nodes.list({ status: "online" })).records.map(({ id }) => id)).toEqual(["n1"]);
    expect((await db.getNodesByStatus("unknown")).map(({ tenantId, id }) => tenantId + id)).toEqual([
      "an0",
      "an2",
      "bn0",
      "bn1",
      "bn2",
    ]);
    const page = await db.system.listNodesByStatus("unknown", { size: 3 });
    expect(page.records).toHaveLength(3);
    expect(
      (await db.system.listNodesByStatus("unknown", { size: 3, after: page.next })).records,
    ).toHaveLength(2);
    expect((await nodes.getByPublicKey(keyOf(2)))?.id).toBe("n2");
    expect((await nodes.getByIpAddress("10.10.0.2"))?.id).toBe("n2");
    expect((await nodes.getByIpAddress("::ffff:10.10.0.2"))?.id).toBe("n2");
    expect(await nodes.getByIpAddress("no address")).toBeUndefined();
    expect(await db.system.getNodesByPublicKey(keyOf(2))).toHaveLength(2);
    expect(await db.system.getNodesByIpAddress("10.10.0.2")).toHaveLength(2);
    expect(await db.system.getNodesByIpAddress("10.10")).toEqual([]);
    await expectRefused("ID_AMBIGUOUS", () => db.getNode("n1"));
    expect(await db.getNodesByTenant("a")).toHaveLength(3);
  });

  test("no two nodes of a tenant share a key or an address, in whatever spelling", async () => {
    const db = await databases.open();
    await db.saveNode({ ...nodeOf(1), tenantId: "a", ipAddress: "2001:DB8:0:0::1" });
    const { nodes } = db.tenant("a");
    expect(await nodes.get("n1")).toMatchObject({ ipAddress: "2001:db8::1" });
    await expectRefused("UNIQUE_VIOLATION", () => nodes.save({ id: "x", publicKey: keyOf(1) }));
    await expectRefused("UNIQUE_VIOLATION", () =>
      nodes.save({ id: "x", publicKey: keyOf(9), ipAddress: "2001:db8::0:1" }),
    );
    await expectRefused("RECORD_INVALID", () => nodes.save({ id: "x", publicKey: "test" }), "publicKey");
    expect(await db.getTenantQuota("a")).toMatchObject({ usedNodes: 1 });
  });

  test("a heartbeat notes that a node lives; those that are silent go offline", async () => {
    const db = await databases.open();
    for (let n = 0; n < 3; n++) await db.saveNode({ ...nodeOf(n), tenantId: "a" });
    const { nodes } = db.tenant("a").as({ userId: "root" });
    await nodes.heartbeat("n0", { metadata: { version: "1.2" }, ipAddress: "10.10.0.9" });
    databases.clock.advance(MINUTE);
    expect(await nodes.heartbeat("n1")).toMatchObject({ status: "online", lastSeen: databases.clock.now() });
    await nodes.update("n2", { status: "online" });
    expect(await nodes.markOffline(databases.clock.now())).toEqual(["n0", "n2"]);
    expect(await nodes.markOffline(databases.clock.now())).toEqual([]);
    expect(await nodes.get("n0")).toMatchObject({
      status: "offline",
      metadata: { version: "1.2" },
      ipAddress: "10.10.0.9",
    });
    await expectRefused("RECORD_NOT_FOUND", () => nodes.heartbeat("n7"));
    await expectRefused("RECORD_INVALID", () => nodes.heartbeat("n1", { status: "on" as never }));
    const { records } = await db.tenant("a").audit.list();
    expect(records.map(({ action }) => action)).toEqual(["node.markOffline", "node.update"]);
  });

  test("a group names nodes of the tenant, each once; a node that goes leaves its groups", async () => {
    const db = await databases.open();
    for (let n = 0; n < 3; n++) await db.saveNode({ ...nodeOf(n), tenantId: "a" });
    await db.saveNode({ ...nodeOf(7), tenantId: "b" });
    const { groups, nodes } = db.tenant("a");
    const group = await groups.save({ id: "g1", name: "edge", nodeIds: ["n1", "n0", "n1"] });
    expect(group.nodeIds).toEqual(["n1", "n0"]);
    await groups.save({ id: "g2", name: "all", nodeIds: ["n0"], labels: { tier: "1" } });
    await expectRefused("REFERENCE_INVALID", () => groups.addNode("g1", "n7"), "n7");
    await expectRefused("REFERENCE_INVALID", () => groups.save({ id: "g3", name: "x", nodeIds: ["none"] }));
    await expectRefused("RECORD_NOT_FOUND", () => groups.addNode("g9", "n1"));
    databases.clock.advance(1000);
    expect(await groups.addNode("g2", "n2")).toMatchObject({
      nodeIds: ["n0", "n2"],
      updatedAt: databases.clock.now(),
    });
    expect((await groups.addNode("g2", "n2")).nodeIds).toEqual(["n0", "n2"]);
    expect((await groups.removeNode("g2", "n1")).nodeIds).toEqual(["n0", "n2"]);
    expect((await groups.list({ nodeId: "n0" })).records.map(({ id }) => id)).toEqual(["g1", "g2"]);
    expect(await groups.nodes("g1")).toMatchObject([nodeOf(1), nodeOf(0)]);
    await expectRefused("RECORD_NOT_FOUND", () => groups.nodes("g9"));
    expect(await nodes.delete("n0")).toBe(true);
    expect((await groups.list()).records.map(({ nodeIds }) => nodeIds)).toEqual([["n1"], ["n2"]]);
    expect((await groups.list({ nodeId: "n0" })).records).toEqual([]);
    expect((await groups.removeNode("g1", "n1")).nodeIds).toEqual([]);
    expect(await groups.delete("g1")).toBe(true);
  });

  test("a node that goes takes its figures along", async () => {
    const db = await databases.open();
    for (let n = 0; n < 2; n++) await db.saveNode({ ...nodeOf(n), tenantId: "a" });
    const { nodeMetrics, nodes } = db.tenant("a");
    for (const nodeId of ["n0", "n1"]) await nodeMetrics.save({ nodeId, cpuPercent: 5 });
    await nodes.delete("n0");
    expect(await nodeMetrics.latest("n0")).toBeUndefined();
    expect(await nodeMetrics.latest("n1")).toMatchObject({ cpuPercent: 5 });
  });
});

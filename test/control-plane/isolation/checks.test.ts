import { DatabaseError } from "@meshgate/database";
import { expect, test } from "vitest";
import { useDatabases } from "../databases.ts";
import { fill } from "./loot.ts";
import { figureOf, markOf, ownersIn, remarked } from "./marks.ts";
import { differences, digestsOf, ownerOf } from "./raw-rows.ts";

const databases = useDatabases();

test("a mark is found wherever it shows", () => {
  const cause = new DatabaseError("KEY_INVALID", "none", { details: { key: [{ deep: markOf(4) }] } });
  const shown: [unknown, number[]][] = [
    [{ a: [new Map([["x", { [markOf(1)]: 1 }]])] }, [1]],
    [`{"line":"${markOf(2)} and ${markOf(3)}"}`, [2, 3]],
    [new Error("outer", { cause }), [4]],
    [
      [(figureOf(5) + figureOf(5, 9)) / 2, figureOf(6, 8), 5, Number.NaN],
      [5, 6],
    ],
    [{ at: new Date(figureOf(7)), text: "¤", none: null }, []],
  ];
  for (const [value, owners] of shown) expect([...ownersIn(value)].sort()).toEqual(owners);
  const stolen = remarked({ [markOf(1)]: [markOf(2), figureOf(3), new Date(0)], n: 5 }, 8);
  expect([...ownersIn(stolen)]).toEqual([8]);
});

test("a row that changes shows as its tenant's, in records, entries, counts and chains", async () => {
  const db = await databases.open({ durability: "relaxed" });
  const ids = ["a", "a!", 'a"', "\0", "\u0001", "__proto__"];
  for (const [owner, id] of ids.entries()) await fill(db, id, owner);
  for (const id of ids) {
    const tenant = db.tenant(id);
    const acts = [
      () => tenant.users.update("1", { role: "admin" }),
      () => tenant.nodes.delete("a"),
      () => tenant.nodeMetrics.save({ nodeId: "1", timestamp: new Date(0) }),
      () => tenant.quota.addUsage({ bandwidth: 1 }),
      () => tenant.audit.append({ userId: "1", action: "x", resource: "x" }),
      () => tenant.sessions.endAll("a"),
      () => tenant.wipe(),
    ];
    for (const act of acts) {
      const before = await digestsOf(db);
      await act();
      expect(differences(before, await digestsOf(db)), String(act)).toEqual([ownerOf(id)]);
    }
  }
});

import { DatabaseError } from "@meshgate/database";
import { expect, test } from "vitest";
import { Random } from "../audit/audit-random.ts";
import { useDatabases } from "../databases.ts";
import { Hostile } from "./hostile.ts";
import { strangeIds } from "./ids.ts";
import { fill, gather } from "./loot.ts";
import { LONG, METHODS } from "./methods.ts";
import { fieldsOf, methodsOf } from "./reflect.ts";
import { Trap } from "./traps.ts";

const databases = useDatabases();

/** Methods that types keep from callers; they take a transaction of the store. */
const INTERNAL = ["find", "release", "store", "switched"];
const FAMILIES = Object.keys(METHODS).filter((family) => family !== "");

test("strangers call every method that a tenant's handle has: whoever adds one says how", async () => {
  const db = await databases.open();
  const listed = (family: string) => Object.keys(METHODS[family] ?? {}).sort();
  const expectCovered = (handle: object, top: readonly string[]) => {
    expect(methodsOf(handle)).toEqual(top);
    // No field leads to what is beneath: that would be another way out.
    expect(fieldsOf(handle)).toEqual([...FAMILIES, "id"].sort());
    for (const family of FAMILIES) {
      const records = (handle as Record<string, object>)[family] as object;
      expect(fieldsOf(records)).toEqual([]);
      const methods = methodsOf(records).filter((name) => !INTERNAL.includes(name));
      expect(methods, family).toEqual(listed(family));
    }
  };
  const short = listed("").filter((name) => !LONG.includes(name));
  expectCovered(db.tenant("a"), listed(""));
  expectCovered(db.tenant("a").as({ userId: "u" }), listed(""));
  await db.view((tx) => {
    expectCovered(tx.tenant("a"), short);
    expectCovered(tx.tenant("a").as({ userId: "u" }), short);
  });
});

test("whatever is passed in the place of an argument, the answer is the database's", async () => {
  const db = await databases.open({ durability: "relaxed" });
  const a = await fill(db, "a", 0);
  const b = await fill(db, "b", 1);
  for (const each of [a, b]) await gather(db, each);
  const h = new Hostile(new Random(1), a, [b]);
  const crashes: string[] = [];
  let calls = 0;
  await db.update(async (tx) => {
    const tenant = { short: tx.tenant("a"), long: db.tenant("a") };
    for (const [family, methods] of Object.entries(METHODS))
      for (const [name, method] of Object.entries(methods)) {
        if (name === "wipe" || (name === "import" && family === "")) continue;
        const handle = (LONG.includes(name) ? tenant.long : tenant.short) as unknown as Record<string, never>;
        const target = (family === "" ? handle : handle[family]) as Record<
          string,
          (...args: unknown[]) => unknown
        >;
        const length = method.arguments(h).length;
        for (let place = 0; place < length; place++)
          for (const strange of strangeIds([])) {
            const args = method.arguments(h).with(place, strange);
            calls++;
            try {
              await target[name]?.(...args);
            } catch (error) {
              if (!(error instanceof DatabaseError) && !(error instanceof Trap))
                crashes.push(`${family}.${name}, argument ${place} ${typeof strange}: ${error}`);
            }
          }
      }
  });
  expect(crashes).toEqual([]);
  expect(calls).toBeGreaterThan(1500);
});

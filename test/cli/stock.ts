import { collection, migrations, type Store } from "@meshgate/database";
import { z } from "zod";

export const users = collection({
  name: "users",
  schema: z.object({ id: z.string(), email: z.string() }),
  key: "id",
  indexes: { email: { on: "email", unique: true } },
});

/** Fills a store with some of everything that `info` tells. */
export async function stock(store: Store): Promise<void> {
  await store.update(async (tx) => {
    const plain = await tx.createBucket("plain");
    await plain.put("a", 1);
    await plain.put(["ä", 2], { b: "ü" });
    plain.setSequence(41);
    const inner = await plain.createBucket("inner", { encoding: "bytes" });
    await inner.put("x", new Uint8Array(100));
    await inner.createBucket("deep", { encoding: "utf8" });
    await plain.createBucket("after");
    await tx.createBucket("zero");
    await users.in(tx).insert({ id: "u1", email: "a@b" });
    await users.in(tx).insert({ id: "u2", email: "c@d" });
  });
}

/** Brings a store to version 2 of a schema. */
export async function migrate(store: Store): Promise<void> {
  const steps = [1, 2].map((version) => ({
    version,
    description: `Step ${version}`,
    up: async () => undefined,
  }));
  await migrations(steps).migrate(store, { backup: false });
}

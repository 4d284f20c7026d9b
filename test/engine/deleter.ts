/** A program that opens a store, deletes its bucket "big" if there is one, and says so while rows are reclaimed. */
import { setInterval as every } from "node:timers/promises";
import { openStore } from "@meshgate/database";

const [directory = ""] = process.argv.slice(2);
const store = await openStore(directory, { durability: "relaxed" });
await store.update(async (tx) => {
  if ((await tx.bucket("big")) !== undefined) await tx.deleteBucket("big");
});
process.send?.("deleted");
for await (const _ of every(1)) {
  // Other work goes on until the kill.
  await store.update(async (tx) => (await tx.bucket("log"))?.put(process.pid, Date.now()));
}

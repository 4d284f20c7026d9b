/** A program that writes, and makes one backup after another, until it is killed. */
import { openStore } from "@meshgate/database";

const [directory = "", copies = ""] = process.argv.slice(2);
const store = await openStore(directory, { durability: "relaxed" });
const write = (n: number) =>
  store.update(async (tx) => {
    const bucket = await tx.createBucketIfNotExists("rows");
    for (let i = 0; i < 500; i++) await bucket.put(n * 500 + i, "x".repeat(100));
  });
for (let n = 0; n < 8; n++) await write(n);
process.send?.("ready");
const writing = (async () => {
  for (let n = 0; ; n = (n + 1) % 40) await write(n);
})();
for (let i = 0; ; i++) {
  await Promise.race([store.backup(`${copies}-${process.pid}-${i}`), writing]);
  process.send?.("done");
}

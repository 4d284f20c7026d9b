/** A program that makes a history's commits until it is killed. */
import { openStore } from "@meshgate/database";
import { commit, type Plan } from "./history.ts";

const [directory = "", plan = "", compactAt = ""] = process.argv.slice(2);
const store = await openStore(directory, { durability: "relaxed" });
for (let n = 1; ; n++) {
  await commit(store, JSON.parse(plan) as Plan, n);
  if (n === Number(compactAt)) await store.compact();
  process.send?.(n);
}

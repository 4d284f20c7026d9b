/** A program that puts a database under load until it is killed, and notes each commit that was acknowledged. */
import { openSync, readFileSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DatabaseManager, type Durability } from "@meshgate/database";
import { runLoad, TICK } from "./load.ts";
import { Random } from "./random.ts";

/** What the program is told by its arguments, as JSON. */
export interface Orders {
  readonly directory: string;
  readonly notes: string;
  /** A file with what the throw-away tenant is imported from. */
  readonly exported: string;
  /** A file with the time at which the journal begins, once it is the program's turn. */
  readonly since: string;
  readonly durability: Durability;
  readonly seed: number;
}

async function main(orders: Orders): Promise<void> {
  const since = Number(readFileSync(orders.since, "utf8"));
  const clock = { time: since + TICK, now: () => new Date(clock.time) };
  const { durability, seed } = orders;
  const db = await DatabaseManager.open(orders.directory, { now: clock.now, retention: false, durability });
  const file = openSync(orders.notes, "w");
  process.send?.("ready");
  await runLoad({
    ...{ db, clock, since },
    exported: readFileSync(orders.exported, "utf8"),
    random: new Random(seed),
    isOver: () => false,
    // Written at once, by this thread: a kill cannot take it back.
    acknowledged: (place) => writeSync(file, `${place}\n`),
    used: () => undefined,
  });
}

// The test that starts this program imports its types.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const orders = JSON.parse(process.argv[2] as string) as Orders;
  // Started early, it waits for its turn: the store is held by whoever checks it.
  process.once("message", () => main(orders));
  process.send?.("started");
}

/**
 * A program that commits until it is killed. It tells its parent over a pipe of each commit, at once when that was
 * acknowledged.
 */
import { writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { DatabaseManager, type Durability } from "@meshgate/database";
import { commit, prepare } from "./commits.ts";
import { makeTrouble, type Trouble } from "./trouble.ts";
import { SLOTS } from "./world.ts";

/** What the program is told once it is its turn. */
export interface Orders {
  readonly directory: string;
  readonly backups: string;
  readonly durability: Durability;
  readonly trouble: Trouble;
  readonly run: number;
  /** The last commit of each slot. */
  readonly lasts: readonly number[];
}

/** Behind the standard streams and Node's own channel. */
const PIPE = 4;

async function main({ directory, durability, lasts, trouble, run, backups }: Orders): Promise<void> {
  // Written at once, by this thread: what the pipe holds, a kill cannot take back.
  const note = (line: string) => void writeSync(PIPE, `${line}\n`);
  note("opening");
  const db = await DatabaseManager.open(directory, { durability, retention: false });
  await prepare(db);
  note("ready");
  const acknowledged = [...lasts];
  const work = async (slot: number): Promise<never> => {
    for (let n = (lasts[slot] ?? 0) + 1; ; n++) {
      await commit(db, slot, n);
      note(`${slot} ${n}`);
      acknowledged[slot] = n;
    }
  };
  await Promise.all([...SLOTS.map(work), makeTrouble(trouble, { db, note, backups, run, acknowledged })]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // Started early, it waits for its turn: the store is held by whoever checks it.
  process.once("message", (orders: Orders) => main(orders));
  // Without its parent, nobody would kill it.
  process.once("disconnect", () => process.exit());
  process.send?.("started");
}

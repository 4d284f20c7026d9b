/** A program that imports a Go file into a database until it is done, or killed. */
import { fileURLToPath } from "node:url";
import { DatabaseManager } from "@meshgate/database";

/** What the program is told by its arguments, as JSON. */
export interface Orders {
  readonly directory: string;
  readonly file: string;
  /** The time that its clock shows. */
  readonly now: number;
}

async function main({ directory, file, now }: Orders): Promise<void> {
  const db = await DatabaseManager.open(directory, {
    now: () => new Date(now),
    retention: false,
    durability: "relaxed",
  });
  process.send?.("ready");
  await db.importGoFile(file);
  await db.close();
  process.send?.("done");
  process.disconnect();
}

// The test that starts this program imports its types.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // Started early, it waits for its turn: the store is held by whoever checks it.
  process.once("message", () => main(JSON.parse(process.argv[2] as string) as Orders));
  process.send?.("started");
}

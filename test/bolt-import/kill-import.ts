/** A program that imports a file into a store until it is killed, and says when the rows begin to be written. */
import { fileURLToPath } from "node:url";
import { importBolt, openStore } from "@meshgate/database";

/** What the program is to do. */
export interface Order {
  readonly file: string;
  readonly directory: string;
  /** Kills itself when so many rows were read through and written; undefined: it runs to its end, or is killed. */
  readonly dieAt?: number;
}

async function main({ file, directory, dieAt }: Order): Promise<void> {
  const store = await openStore(directory);
  let begun = false;
  await importBolt(file, store, {
    existing: "replace",
    onProgress: ({ done, total }) => {
      if (dieAt !== undefined && done >= dieAt) process.kill(process.pid, "SIGKILL");
      if (!begun && total !== undefined) process.send?.("writing");
      begun ||= total !== undefined;
    },
  });
  process.send?.("done");
  await store.close();
  process.disconnect?.();
}

// The test that starts this program imports its types, too.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once("message", (order: Order) => main(order));
  process.send?.("started");
}

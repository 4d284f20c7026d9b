/** A program that opens and closes stores as it is told: a child process, or a worker thread, of the lock's tests. */
import { parentPort } from "node:worker_threads";
import { openStore, type Store, type StoreOptions } from "@meshgate/database";

/** What an opener is asked to do. */
export interface Request {
  readonly id: number;
  readonly call: "open" | "put" | "close" | "exit";
  readonly directory: string;
  readonly options?: StoreOptions;
  /** Asks for the call to be made at this moment, in milliseconds since 1970, so that several make it at once. */
  readonly at?: number;
}

/** What came of it: "done", or the code of the error. */
export interface Reply {
  readonly id: number;
  readonly outcome: string;
}

const stores = new Map<string, Store>();

async function serve({ call, directory, options, at }: Request): Promise<void> {
  // The clock is shared by processes; no timer is as exact.
  if (at !== undefined) while (Date.now() < at);
  if (call === "open") {
    stores.set(directory, await openStore(directory, options));
    return;
  }
  if (call === "exit") process.exit();
  const store = stores.get(directory);
  if (store === undefined) throw new Error(`${directory} is not open here`);
  if (call === "close") {
    stores.delete(directory);
    return store.close();
  }
  await store.update(async (tx) => {
    const bucket = await tx.createBucketIfNotExists("rows");
    await bucket.put(await bucket.nextSequence(), process.pid);
  });
}

async function receive(request: Request): Promise<void> {
  const reply = (outcome: string) => send({ id: request.id, outcome });
  await serve(request).then(
    () => reply("done"),
    (error) => reply(String((error as { code?: string }).code ?? error)),
  );
}

function send(message: Reply | "ready"): void {
  if (parentPort !== null) parentPort.postMessage(message);
  else process.send?.(message);
}

if (parentPort !== null) parentPort.on("message", receive);
else process.on("message", receive);
send("ready");

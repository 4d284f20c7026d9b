// Who changes every row of a store: this library's batched step, and the loop that one would write by hand.
import { ClassicLevel } from "classic-level";
import { eachRow, migrations, openStore } from "../lib/library.ts";
import { BUCKET, END, PREFIX, rewritten } from "../lib/rows.ts";

/** A subject on an open store. */
export interface Rewriter {
  /** Changes all rows, durably; `onBatch` is called after each thousand. */
  rewrite(onBatch: () => void): Promise<void>;
  close(): Promise<void>;
}

const ROWS_PER_BATCH = 1000;
const HIGH_WATER_MARK = 1 << 20;

/** Opens a store for a rewrite, by subject. */
export const rewriters: Readonly<Record<"ours" | "raw", (directory: string) => Promise<Rewriter>>> = {
  ours: openOurs,
  raw: openRaw,
};

async function openOurs(directory: string): Promise<Rewriter> {
  const store = await openStore(directory);
  const up = eachRow<object>(BUCKET, ([key, record], { bucket }) => bucket.put(key, rewritten(record)));
  const schema = migrations([{ version: 1, description: "Hourly metrics", up }]);
  return {
    async rewrite(onProgress) {
      await schema.migrate(store, { backup: false, onProgress });
    },
    close: () => store.close(),
  };
}

async function openRaw(directory: string): Promise<Rewriter> {
  const database = new ClassicLevel<string, string>(directory);
  await database.open();
  return {
    async rewrite(onBatch) {
      let batch = database.batch();
      const rows = { gte: PREFIX, lt: END, highWaterMarkBytes: HIGH_WATER_MARK };
      for await (const [key, value] of database.iterator(rows)) {
        batch.put(key, JSON.stringify(rewritten(JSON.parse(value))));
        if (batch.length < ROWS_PER_BATCH) continue;
        await batch.write({ sync: true });
        onBatch();
        batch = database.batch();
      }
      await batch.write({ sync: true });
    },
    close: () => database.close(),
  };
}

/** What goes on in a program that is killed, besides its commits. Each kind runs until the end. */
import { setTimeout as sleep } from "node:timers/promises";
import { collection, type Database, DatabaseError, type Store, type Transaction } from "@meshgate/database";
import { z } from "zod";

/** What the parent is told, a line each. */
export type Note = (line: string) => void;

export const TROUBLES = ["none", "build", "reclaim", "compact", "backup"] as const;
export type Trouble = (typeof TROUBLES)[number];

const STOCK = 3000;
/** Rows of a bucket that is made and deleted. */
export const BULK = 2500;
export const BULKS = "bulk-";

const schema = z.object({ id: z.int(), version: z.int(), city: z.string(), code: z.string() });
const plain = { name: "torture_stock", schema, key: "id" } as const;

/** The same collection, as two releases define it. */
export const stocks = [
  collection({ ...plain, indexes: { city: { on: "city" } } }),
  collection({
    ...plain,
    indexes: { code: { on: "code", unique: true }, city: { on: "city", include: ["version"] } },
  }),
] as const;

type Stock = z.output<typeof schema>;

const stockOf = (id: number, version: number): Stock => ({
  ...{ id, version },
  city: `city-${(id + version) % 17}`,
  code: `${id}-${version}`,
});

export interface Ground {
  readonly db: Database;
  readonly note: Note;
  /** Where backups go. */
  readonly backups: string;
  /** Differs from run to run. */
  readonly run: number;
  /** The last commit of each slot that was acknowledged. */
  readonly acknowledged: readonly number[];
}

/** Makes trouble until the process ends. */
export async function makeTrouble(trouble: Trouble, ground: Ground): Promise<void> {
  if (trouble === "none") return;
  if (trouble === "build") await fillStock(ground.db.store);
  ground.note("trouble");
  const writing = trouble === "build" ? writeStock(ground.db.store) : undefined;
  await Promise.all([ROUNDS[trouble](ground), writing]);
}

const ROUNDS: Readonly<Record<Exclude<Trouble, "none">, (ground: Ground) => Promise<never>>> = {
  build: async ({ db, run }) => {
    for (let round = run; ; round++) await stocks[round % 2 === 0 ? 0 : 1].build(db.store);
  },
  reclaim: async ({ db: { store }, note, run }) => {
    for (let round = 0; ; round++) {
      const name = `${BULKS}${run}-${round}`;
      await store.update(async (tx) => {
        const bucket = await tx.createBucket(name);
        for (let i = 0; i < BULK; i++) await bucket.put(i, i);
      });
      note(`bulk made ${name}`);
      await store.update(async (tx) => {
        for (const each of await bulksIn(tx)) await tx.deleteBucket(each);
      });
      note(`bulk gone ${name}`);
    }
  },
  compact: async ({ db }) => {
    while (true) {
      await db.store.compact();
      await sleep(5);
    }
  },
  backup: async ({ db, note, backups, run, acknowledged }) => {
    for (let round = 0; ; round++) {
      const path = `${backups}-${run}-${round}`;
      note(`backup begun ${path} ${JSON.stringify(acknowledged)}`);
      await db.store.backup(path);
      note(`backup done ${path}`);
    }
  },
};

/** The buckets that are made and deleted. */
export async function bulksIn(tx: Transaction): Promise<string[]> {
  return (await tx.buckets()).filter((name) => name.startsWith(BULKS));
}

async function fillStock(store: Store): Promise<void> {
  await stocks[0].build(store);
  await store.update(async (tx) => {
    if ((await stocks[0].in(tx).count()) > 0) return;
    await stocks[0].in(tx).insertMany(Array.from({ length: STOCK }, (_, id) => stockOf(id, 0)));
  });
}

/** Changes records beside the builds, by whichever definition the store has at that moment. */
async function writeStock(store: Store): Promise<never> {
  for (let n = 0; ; n++) {
    const id = (n * 7919) % STOCK;
    await store.update(async (tx) => {
      const before = await stocks[0].in(tx).get(id);
      const record = stockOf(id, (before?.version ?? 0) + 1);
      for (const stock of stocks) if (await isPut(tx, stock, record)) return;
      throw new Error("Both definitions are refused.");
    });
  }
}

async function isPut(tx: Transaction, stock: (typeof stocks)[number], record: Stock): Promise<boolean> {
  try {
    await stock.in(tx).put(record);
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "COLLECTION_CHANGED") return false;
    throw error;
  }
}

/** Brings a build that was cut off to its end. @returns what is wrong with the stock */
export async function troublesOfStock(store: Store): Promise<string[]> {
  const wrong: string[] = [];
  for (const stock of stocks) {
    await stock.build(store);
    const { problems, records, ok } = await stock.verify(store);
    if (!ok) wrong.push(`The stock's indexes: ${JSON.stringify(problems.slice(0, 3))}`);
    if (records !== 0 && records !== STOCK) wrong.push(`The stock has ${records} records of ${STOCK}.`);
  }
  await store.view(async (tx) => {
    for await (const record of stocks[1].in(tx).range()) {
      const wanted = stockOf(record.id, record.version);
      if (record.city !== wanted.city || record.code !== wanted.code)
        wrong.push(`A record of the stock is changed: ${JSON.stringify(record)}`);
    }
  });
  return wrong;
}

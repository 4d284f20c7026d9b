/**
 * The migration of the kill tests, and a program that runs it and kills itself at a given moment.
 *
 * Every step is such that what was done twice, or not at all, shows in the rows: texts grow, counts go up.
 */
import { fileURLToPath } from "node:url";
import {
  type Bucket,
  collection,
  type Durability,
  eachRow,
  type Migrations,
  migrations,
  openStore,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { z } from "zod";
import type { AnyLevel } from "../helpers/levels.ts";

/** The row that tells the number of the last commit, and is in every batch that commits. */
export const COMMIT = "!~store!Jcommit";
export const USERS = 300;
const USERS_PER_BATCH = 40;

/** A moment at which the program is killed. */
export type Moment =
  /** Counted in commits: before the engine is asked to write one, while it writes, or when it has written. */
  | { readonly kind: "before" | "during" | "after"; readonly commit: number; readonly spin: number }
  /** Amid a step, counted in rows that were handed to it. */
  | { readonly kind: "row"; readonly row: number }
  /** From outside. */
  | { readonly kind: "delay"; readonly ms: number };

/** What the program is told. */
export interface Order {
  readonly directory: string;
  readonly rows: number;
  readonly moment: Moment;
  readonly durability: Durability;
  readonly backup: boolean;
}

export interface Item {
  text: string;
  n: number;
}

export const users = collection({
  name: "users",
  schema: z.object({ id: z.string(), email: z.string(), role: z.string(), createdAt: z.date() }),
  key: "id",
  indexes: { email: { on: "email", unique: true }, role: { on: ["role", "createdAt"] } },
});

const settings = collection({ name: "settings", schema: z.object({ id: z.string() }), key: "id" });

const bucketOf = async <V>(tx: Transaction, name: string) => (await tx.bucket(name)) as Bucket<V, number>;

/** Fills a store with what the migration begins with. */
export async function fillOld(store: Store, rows: number): Promise<void> {
  await store.update(async (tx) => {
    // Stores differ in the secret of their tokens, made with the first collection: here, so that copies share it.
    await settings.in(tx).insert({ id: "only" });
    // The note of a backup would make it else, and the buckets would be numbered otherwise.
    await tx.createBucket("migrations");
    await tx.createBucket("items");
    const old = await tx.createBucket("old");
    for (let i = 0; i < 2000; i++) await old.put(i, "x".repeat(50));
  });
  for (let from = 0; from < rows; from += 10_000) {
    await store.update(async (tx) => {
      const items = await bucketOf<Item>(tx, "items");
      for (let i = from; i < Math.min(from + 10_000, rows); i++)
        await items.put(i, { text: `item ${i}`, n: i });
    });
  }
}

/** The three steps. @param onRow called for each row that a step is about to handle */
export function steps(rows: number, onRow: () => void): Migrations {
  return migrations([
    {
      version: 1,
      description: "Users, and no old bucket",
      up: async (tx) => {
        await tx.createBucket("handled");
        await tx.deleteBucket("old");
        for (let i = 0; i < USERS; i++) {
          onRow();
          const createdAt = new Date(1e12 + i * 1000);
          await users
            .in(tx)
            .insert({ id: `u${i}`, email: `User${i}@Example.com`, role: `r${i % 7}`, createdAt });
        }
      },
    },
    {
      version: 2,
      description: "Items have a longer text",
      up: eachRow<Item, number>(
        "items",
        async ([key, { text, n }], { tx, bucket }) => {
          onRow();
          await bucket.put(key, { text: `${text}+`, n: n * 2 + 1 });
          const handled = await bucketOf<number>(tx, "handled");
          await handled.put(key, ((await handled.get(key)) ?? 0) + 1);
        },
        { size: Math.max(400, rows / 100) },
      ),
    },
    {
      version: 3,
      description: "Emails are in lower case",
      up: eachRow<{ id: string; email: string; role: string; createdAt: string }, string>(
        "users",
        async ([, user], { tx }) => {
          onRow();
          await users.in(tx).put({
            ...user,
            email: user.email.toLowerCase(),
            role: `${user.role}+`,
            createdAt: new Date(user.createdAt),
          });
        },
        { size: USERS_PER_BATCH },
      ),
    },
  ]);
}

const killSelf = (): void => void process.kill(process.pid, "SIGKILL");

interface Batch {
  put(key: string, ...rest: unknown[]): unknown;
  write(options: object): Promise<void>;
}

/** Kills this process at a moment that is counted in commits. */
function killAtCommit(level: AnyLevel, moment: Moment): void {
  if (!("commit" in moment)) return;
  let commits = 0;
  const make = level.batch.bind(level) as unknown as (...args: unknown[]) => Batch;
  const watched = (...args: unknown[]) => {
    const batch = make(...args);
    const { put, write } = batch;
    let isCommit = false;
    batch.put = (key, ...rest) => {
      isCommit ||= key === COMMIT;
      return put.call(batch, key, ...rest);
    };
    batch.write = async (options) => {
      if (isCommit) commits++;
      const here = isCommit && commits === moment.commit;
      if (here && moment.kind === "before") killSelf();
      const written = write.call(batch, options);
      if (here && moment.kind === "during") {
        // The engine writes in a thread of its own, which goes on while this one spins.
        for (const end = performance.now() + moment.spin; performance.now() < end; );
        killSelf();
      }
      await written;
      if (here) killSelf();
    };
    return batch;
  };
  Object.defineProperty(level, "batch", { value: watched, configurable: true });
}

async function main({ directory, rows, moment, durability, backup }: Order): Promise<void> {
  const level = new ClassicLevel<string, string>(directory) as AnyLevel;
  killAtCommit(level, moment);
  const store = await openStore(level, { durability });
  process.send?.("ready");
  let seen = 0;
  const onRow = () => {
    if (moment.kind === "row" && ++seen === moment.row) killSelf();
  };
  await steps(rows, onRow).migrate(store, { backup });
  // The moment never came: it is killed with everything done.
  process.send?.("done", killSelf);
}

// The test that starts this program imports it, too.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // Started early, it waits for its turn.
  process.once("message", (order) => main(order as Order));
  process.send?.("started");
}

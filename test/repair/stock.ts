/** Stores whose every write is known, to be damaged. */
import { cp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Bucket,
  collection,
  encodeKey,
  type Key,
  openStore,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { z } from "zod";

export const users = collection({
  name: "users",
  schema: z.object({ id: z.number(), email: z.string(), role: z.string(), at: z.date() }),
  key: "id",
  indexes: { email: { on: "email", unique: true }, role: { on: ["role", "at"] } },
});
export const notes = collection({
  name: "notes",
  schema: z.object({ tenant: z.string(), id: z.number(), text: z.string() }),
  key: ["tenant", "id"],
  indexes: { text: { on: "text" } },
});

/** All that was ever written to a key. */
export interface History {
  readonly key: Key;
  /** As JSON; undefined where it was deleted. */
  readonly values: (string | undefined)[];
  /** The commit of the last one. */
  commit: number;
}

/** By the paths of buckets, joined with "/", and encoded keys. */
export type Journal = Map<string, Map<string, History>>;

export const BUCKETS: readonly string[] = ["a", "b/within", "c"];

/** How a store comes to its files. */
export const SHAPES = ["tables", "log", "levels", "killed"] as const;
export type Shape = (typeof SHAPES)[number];

export class Stock {
  readonly journal: Journal = new Map();
  readonly #random: () => number;
  #store!: Store;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Makes a store in a directory, and closes it. */
  async make(directory: string, shape: Shape): Promise<void> {
    this.#store = await openStore(directory, { durability: "relaxed" });
    if (shape === "log") await this.#commits(40, 12);
    else {
      await this.#commits(60, 30);
      await this.#store.compact();
    }
    if (shape === "levels" || shape === "killed") {
      for (let i = 0; i < 3; i++) {
        await this.#commits(20, 12);
        await this.#store.close();
        // What was in the log becomes a table.
        this.#store = await openStore(directory, { durability: "relaxed" });
      }
      await this.#commits(20, 12);
    }
    if (shape !== "killed") return this.#store.close();
    const copy = `${directory}-killed`;
    await copyAsKilled(directory, copy);
    await this.#store.close();
    await rm(directory, { recursive: true });
    await rename(copy, directory);
  }

  async #commits(count: number, writes: number): Promise<void> {
    for (let i = 0; i < count; i++)
      await this.#store.update(async (tx) => {
        for (let n = 0; n < writes; n++) await this.#write(tx);
      });
  }

  async #write(tx: Transaction): Promise<void> {
    const isDeletion = this.#int(5) === 0;
    const kind = this.#int(5);
    const text = Array.from({ length: 8 }, () => this.#random().toString(36)).join("");
    if (kind === 0) {
      const id = this.#int(300);
      const user = { id, email: `${id}@${this.#int(3)}`, role: text, at: new Date(this.#int(1e9)) };
      if (isDeletion) await users.in(tx).delete(id);
      else await users.in(tx).put(user);
      this.#note(tx, "users", id, isDeletion ? undefined : user);
      return;
    }
    if (kind === 1) {
      const note = { tenant: `t${this.#int(4)}`, id: this.#int(80), text };
      const key = [note.tenant, note.id] as const;
      if (isDeletion) await notes.in(tx).delete(key as never);
      else await notes.in(tx).put(note);
      this.#note(tx, "notes", key, isDeletion ? undefined : note);
      return;
    }
    const path = BUCKETS[this.#int(BUCKETS.length)] as string;
    let bucket: Bucket | Transaction = tx;
    for (const name of path.split("/")) bucket = await bucket.createBucketIfNotExists(name);
    const key = [`k${this.#int(20)}`, this.#int(40)];
    if (isDeletion) await (bucket as Bucket).delete(key);
    else await (bucket as Bucket).put(key, { text });
    this.#note(tx, path, key, isDeletion ? undefined : { text });
  }

  #note({ id }: Transaction, path: string, key: Key, value: unknown): void {
    const rows = this.journal.get(path) ?? new Map<string, History>();
    this.journal.set(path, rows);
    const encoded = encodeKey(key);
    const history = rows.get(encoded) ?? { key, values: [undefined], commit: id };
    rows.set(encoded, history);
    history.values.push(value === undefined ? undefined : JSON.stringify(value));
    history.commit = id;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }
}

/** The rows of a bucket as JSON, by encoded keys; undefined where there is none. */
export async function rowsOf(store: Store, path: string): Promise<Map<string, string> | undefined> {
  return store.view(async (tx) => {
    if (path === "users" || path === "notes") {
      if ((await tx.bucket(path)) === undefined) return undefined;
      const found = new Map<string, string>();
      for await (const user of users.in(tx).range())
        if (path === "users") found.set(encodeKey(user.id), JSON.stringify(user));
      for await (const note of notes.in(tx).range())
        if (path === "notes") found.set(encodeKey([note.tenant, note.id]), JSON.stringify(note));
      return found;
    }
    let bucket: Bucket | Transaction | undefined = tx;
    for (const name of path.split("/")) bucket = await bucket?.bucket(name);
    if (bucket === undefined) return undefined;
    const found = new Map<string, string>();
    for await (const [key, value] of (bucket as Bucket).range({}))
      found.set(encodeKey(key), JSON.stringify(value));
    return found;
  });
}

/** Copies the files of an open store as they are when its process ends at a moment at which LevelDB does nothing. */
async function copyAsKilled(directory: string, copy: string): Promise<void> {
  const list = async () => {
    const stats = (await readdir(directory)).map(async (name) => [
      name,
      (await stat(join(directory, name))).size,
    ]);
    return JSON.stringify(await Promise.all(stats).catch(() => Math.random()));
  };
  for (let attempt = 0; attempt < 100; attempt++) {
    const before = await list();
    try {
      await cp(directory, copy, { recursive: true, filter: (path) => !path.endsWith("meshgate.lock") });
      if (before === (await list())) return;
    } catch {
      // A table went meanwhile.
    }
    await rm(copy, { recursive: true, force: true });
    await sleep(20);
  }
  throw new Error("LevelDB never rests");
}

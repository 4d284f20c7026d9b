/** Writers, deletions of buckets and builds of indexes, with a journal of all that was committed. */
import { setImmediate as turn } from "node:timers/promises";
import {
  type Bucket,
  type Collection,
  collection,
  DatabaseError,
  encodeKey,
  type Store,
  type Transaction,
} from "@meshgate/database";
import { z } from "zod";
import type { BucketDump } from "../../helpers/stores.ts";
import { ModelBucket } from "../model/model.ts";

const schema = z.object({ id: z.number(), email: z.string(), role: z.string(), tags: z.array(z.string()) });
export type User = z.infer<typeof schema>;

const email = { on: "email", unique: true } as const;
/** The same records with ever other indexes. */
export const VERSIONS = [
  collection({ name: "users", schema, key: "id", indexes: { email } }),
  collection({ name: "users", schema, key: "id", indexes: { email, role: { on: "role" } } }),
  collection({
    name: "users",
    schema,
    key: "id",
    indexes: { email, tag: { on: "tags", multiEntry: "tags" } },
  }),
] as unknown as readonly Collection<{
  input: User;
  record: User;
  key: number;
  indexes: Record<never, never>;
}>[];

const NAMES = ["a", "b", "c"];
const KEYS = 60;
const USERS = 80;

/** What a transaction did, to be done to the model. */
type Change = (model: Model) => void;

/** All that the store holds at a commit. */
export class Model {
  readonly root = new ModelBucket();
  readonly users = new Map<number, User>();
}

export class Load {
  readonly #store: Store;
  readonly #random: () => number;
  readonly #journal = new Map<number, Change[]>();
  readonly #model = new Model();
  #version = 0;
  #stopped = false;
  /** Transactions that were refused, since the indexes had just changed. */
  refused = 0;
  builds = 0;

  constructor(store: Store, random: () => number) {
    this.#store = store;
    this.#random = random;
  }

  /** Goes on until it is stopped. */
  async run(): Promise<void> {
    const writer = async () => {
      while (!this.#stopped) await this.#write();
    };
    await Promise.all([writer(), writer(), writer(), this.#build()]);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The store as it was when a commit was the last. Commits are asked for in their order. */
  at(commit: number): Model {
    const commits = Array.from(this.#journal.keys()).sort((a, b) => a - b);
    for (const each of commits) {
      if (each > commit) break;
      for (const change of this.#journal.get(each) ?? []) change(this.#model);
      this.#journal.delete(each);
    }
    return this.#model;
  }

  async #build(): Promise<void> {
    while (!this.#stopped) {
      this.#version = this.#int(VERSIONS.length);
      await (VERSIONS[this.#version] as Collection).build(this.#store);
      this.builds++;
      for (let i = this.#int(30); i > 0; i--) await turn();
    }
  }

  async #write(): Promise<void> {
    try {
      await this.#store.update(async (tx) => {
        const changes: Change[] = [];
        for (let i = this.#int(6); i >= 0; i--) changes.push(await this.#change(tx));
        if (this.#int(4) === 0) await turn();
        this.#journal.set(tx.id, changes);
      });
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== "COLLECTION_CHANGED") throw error;
      this.refused++;
    }
    await turn();
  }

  async #change(tx: Transaction): Promise<Change> {
    const kind = this.#int(20);
    if (kind < 6) return this.#changeUser(tx);
    const name = NAMES[this.#int(NAMES.length)] as string;
    if (kind === 6 && (await tx.bucket(name)) !== undefined) {
      await tx.deleteBucket(name);
      return ({ root }) => root.buckets.delete(name);
    }
    const bucket = await tx.createBucketIfNotExists(name);
    if (kind === 7) return changeWithin(bucket, name, this.#int(KEYS));
    if (kind === 8) {
      const sequence = await bucket.nextSequence();
      return ({ root }) => {
        modelOf(root, name).sequence = sequence;
      };
    }
    const key = this.#int(KEYS);
    if (kind < 12) {
      await bucket.delete(key);
      return ({ root }) => modelOf(root, name).rows.delete(encodeKey(key));
    }
    const value = { n: this.#int(1e9), text: "x".repeat(this.#int(200)) };
    await bucket.put(key, value);
    return ({ root }) => modelOf(root, name).rows.set(encodeKey(key), { key, value });
  }

  async #changeUser(tx: Transaction): Promise<Change> {
    const users = (VERSIONS[this.#version] as (typeof VERSIONS)[number]).in(tx);
    const id = this.#int(USERS);
    if (this.#int(4) === 0) {
      await users.delete(id);
      return (model) => model.users.delete(id);
    }
    const user = { id, email: `${id}-${this.#int(5)}`, role: `r${this.#int(4)}`, tags: [`t${this.#int(9)}`] };
    await users.put(user);
    return (model) => model.users.set(id, user);
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }
}

/** Puts a row into a bucket within another. */
async function changeWithin(bucket: Bucket, name: string, key: number): Promise<Change> {
  await (await bucket.createBucketIfNotExists("within")).put(key, key);
  return ({ root }) => modelOf(modelOf(root, name), "within").rows.set(encodeKey(key), { key, value: key });
}

function modelOf(parent: ModelBucket, name: string): ModelBucket {
  const found = parent.buckets.get(name) ?? new ModelBucket();
  parent.buckets.set(name, found);
  return found;
}

/** A model as `dump()` gives a store. */
export function dumpOf(model: ModelBucket): Record<string, BucketDump> {
  return Object.fromEntries(
    Array.from(model.buckets, ([name, bucket]) => [
      name,
      { sequence: bucket.sequence, rows: bucket.elements(false), buckets: dumpOf(bucket) },
    ]),
  ) as Record<string, BucketDump>;
}

/**
 * A program that writes the workload, and notes beside the store what was acknowledged, in the order in which it was.
 *
 *   note = "open" | "ack" n | "backup" name n | "error" call code | "later" call code | "closed"
 */
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Durability, openStore, type Store } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { lastOf, prepare, renews, run } from "./workload.ts";

/** What a writer is to do. */
export interface Task {
  /** The folder in which the store and its backups lie. */
  readonly folder: string;
  readonly notes: string;
  readonly seed: number;
  readonly durability: Durability;
  /** How many transactions to run. */
  readonly transactions: number;
  /** The buffer after which LevelDB begins a new log, in bytes; without it, the store opens the directory itself. */
  readonly buffer?: number;
  /** After how many transactions a backup is made, and the store compacted. */
  readonly maintainEvery?: number;
  /** How long nothing is written after a bucket was deleted, so that its rows are reclaimed alone, in milliseconds. */
  readonly quiet?: number;
  /** Ends without closing the store, as a killed process does. */
  readonly dies?: boolean;
}

const WRITERS = 6;

class Writer {
  readonly #task: Task;
  readonly #notes: number;
  #given = 0;
  #failed = false;
  /** The pause in which nothing is begun. */
  #pause: Promise<unknown> = Promise.resolve();

  constructor(task: Task) {
    this.#task = task;
    this.#notes = openSync(task.notes, "a");
  }

  /** Notes at once, by this thread: so that the note stands in a trace before all that follows. */
  note(...words: readonly unknown[]): void {
    writeSync(this.#notes, `${words.join(" ")}\n`);
  }

  /** Awaits work, and notes the error where it fails. @returns whether it did not */
  async attempt(kind: "error" | "later", call: string, work: () => unknown): Promise<boolean> {
    try {
      await work();
      if (kind === "later") this.note(kind, call, "none");
      return true;
    } catch (error) {
      this.#failed = true;
      this.note(kind, call, (error as { code?: unknown }).code ?? String(error).split("\n")[0]);
      return false;
    }
  }

  async main(): Promise<void> {
    const { folder, durability, buffer } = this.#task;
    const path = join(folder, "store");
    let store: Store | undefined;
    await this.attempt("error", "open", async () => {
      const location =
        buffer === undefined ? path : new ClassicLevel<string, string>(path, { writeBufferSize: buffer });
      store = await openStore(location, { durability });
    });
    if (store === undefined) return;
    this.note("open");
    await this.#work(store);
    if (this.#task.dies === true) process.kill(process.pid, "SIGKILL");
    await this.attempt("error", "close", () => store?.close());
    this.note("closed");
  }

  async #work(store: Store): Promise<void> {
    this.#given = await store.view(lastOf);
    if (this.#given < 0) {
      if (!(await this.attempt("error", "update", () => store.update(prepare)))) return this.#probe(store);
      this.note("ack", 0);
      this.#given = 0;
    }
    const until = this.#given + this.#task.transactions;
    await Promise.all(Array.from({ length: WRITERS }, () => this.#write(store, until)));
    if (this.#failed) await this.#probe(store);
  }

  async #write(store: Store, until: number): Promise<void> {
    const { seed, maintainEvery, quiet } = this.#task;
    while (this.#given < until && !this.#failed) {
      await this.#pause;
      let own = 0;
      const fine = await this.attempt("error", "update", () =>
        store.update(async (tx) => {
          own = ++this.#given;
          await run(tx, seed, own);
        }),
      );
      if (!fine) return;
      this.note("ack", own);
      if (quiet !== undefined && renews(own)) this.#pause = sleep(quiet);
      if (maintainEvery !== undefined && own % maintainEvery === 0) await this.#maintain(store, own);
    }
  }

  async #maintain(store: Store, n: number): Promise<void> {
    const name = `backup-${n}`;
    await this.attempt("error", "backup", async () => {
      const { commit } = await store.backup(join(this.#task.folder, name));
      this.note("backup", name, commit);
    });
    if (n % 2 === 0) await this.attempt("error", "compact", () => store.compact());
  }

  /** Notes what calls give after a failure. */
  async #probe(store: Store): Promise<void> {
    await this.attempt("later", "update", () => store.update(() => undefined));
    await this.attempt("later", "view", () => store.view((tx) => lastOf(tx)));
    await this.attempt("later", "batch", () => store.batch(() => undefined));
    await this.attempt("later", "stats", () => store.stats());
    await this.attempt("later", "check", () => store.check());
  }
}

// The test that starts this program imports its types, too.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await new Writer(JSON.parse(process.argv[2] ?? "") as Task).main();
}

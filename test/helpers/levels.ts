import type { AbstractLevel } from "abstract-level";
import { MemoryLevel } from "memory-level";

/** Any abstract-level database, as the tests make them. */
export type AnyLevel = AbstractLevel<string | Buffer | Uint8Array, string, string>;

/** An engine that cannot hold the rows of a moment, as browser-level. */
export class WithoutSnapshots extends MemoryLevel<string, string> {
  constructor() {
    super();
    (this.supports as { explicitSnapshots: boolean }).explicitSnapshots = false;
  }

  override snapshot(): never {
    throw new Error("This engine has no snapshots: the store must not ask for one.");
  }
}

/** An engine that reads through promises only. */
export class WithoutGetSync extends MemoryLevel<string, string> {
  constructor() {
    super();
    (this.supports as { getSync?: boolean }).getSync = false;
  }

  override getSync(): never {
    throw new Error("This engine has no getSync: the store must not call it.");
  }

  /** Later than a microtask, as an engine that asks a disk or another process. */
  override async get(...args: unknown[]): Promise<string | undefined> {
    await new Promise(setImmediate);
    return super.get(...(args as [string]));
  }
}

/** An engine with neither. */
export class WithoutEither extends WithoutGetSync {
  constructor() {
    super();
    (this.supports as { explicitSnapshots: boolean }).explicitSnapshots = false;
  }

  override snapshot(): never {
    throw new Error("This engine has no snapshots: the store must not ask for one.");
  }
}

/** An engine whose iterators go forward only. */
export class WithoutSeek extends MemoryLevel<string, string> {
  override iterator(...args: unknown[]): never {
    const iterator = super.iterator(...(args as []));
    iterator.seek = () => {
      throw new Error("This engine cannot seek.");
    };
    return iterator as never;
  }
}

/** A chained batch that was written, or was to be. */
export interface Written {
  readonly sync: boolean | undefined;
  readonly puts: readonly string[];
  readonly deletes: readonly string[];
}

/** What a tapped engine was asked to write. */
export interface Tap {
  /** The batches written since the tap was set, without the one that failed. */
  readonly written: Written[];
  /** Makes the next write reject with this error, once. */
  failNext(error: Error): void;
  /** Keeps writes from the engine until the returned function is called. */
  hold(): () => void;
}

interface Batch {
  put(key: string, ...rest: unknown[]): unknown;
  del(key: string, ...rest: unknown[]): unknown;
  write(options?: { sync?: boolean }): Promise<void>;
}

/** Watches what goes through `level.batch().write()`, the only way by which a store writes. */
export function tap(level: AnyLevel): Tap {
  const written: Written[] = [];
  let failure: Error | undefined;
  let held: Promise<void> | undefined;
  const make = level.batch.bind(level) as unknown as (...args: unknown[]) => Batch;
  const watch = (batch: Batch): Batch => {
    const puts: string[] = [];
    const deletes: string[] = [];
    const { put, del, write } = batch;
    batch.put = (key, ...rest) => {
      puts.push(key);
      return put.call(batch, key, ...rest);
    };
    batch.del = (key, ...rest) => {
      deletes.push(key);
      return del.call(batch, key, ...rest);
    };
    batch.write = async (options) => {
      await held;
      const error = failure;
      failure = undefined;
      if (error !== undefined) throw error;
      await write.call(batch, options);
      written.push({ sync: options?.sync, puts, deletes });
    };
    return batch;
  };
  const tapped = (...args: unknown[]) => (args.length > 0 ? make(...args) : watch(make()));
  Object.defineProperty(level, "batch", { value: tapped, configurable: true });
  return {
    written,
    failNext: (error) => {
      failure = error;
    },
    hold: () => {
      let release = () => {};
      held = new Promise((resolve) => {
        release = resolve;
      });
      return () => {
        held = undefined;
        release();
      };
    },
  };
}

/** How many of an engine's resources are held. */
export interface Count {
  readonly live: number;
  /** The most that were held at a time. */
  readonly highest: number;
}

/** Counts an engine's explicit snapshots, or its iterators, from when they are made until they are closed. */
export function countOpen(level: AnyLevel, kind: "snapshot" | "iterator"): Count {
  const count = { live: 0, highest: 0 };
  const make = level[kind].bind(level) as (...args: unknown[]) => { close(): Promise<void> };
  const counted = (...args: unknown[]) => {
    const made = make(...args);
    const close = made.close.bind(made);
    let open = true;
    count.live++;
    count.highest = Math.max(count.highest, count.live);
    made.close = () => {
      if (open) count.live--;
      open = false;
      return close();
    };
    return made;
  };
  Object.defineProperty(level, kind, { configurable: true, value: counted });
  return count;
}

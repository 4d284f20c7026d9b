import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type Store, type StoreOptions } from "@meshgate/database";
import { afterEach } from "vitest";

/** What a store can be opened on. */
export type Location = Parameters<typeof openStore>[0];

const CLOSE_MS = 5000;

/** One test's own directory, and the stores that it opened. Unlike `useStores`, it takes failed and damaged ones. */
export interface Places {
  /** A path below the test's directory, which exists. */
  path(...parts: string[]): string;
  /** Opens a store that is closed after the test. */
  open(location: Location, options?: StoreOptions): Promise<Store>;
  /** Registers what must be ended after the test; the last registered ends first. */
  later(end: () => unknown): void;
}

/** Gives each test of the current `describe` block, or file, its own places. */
export function usePlaces(): Places {
  let directory: string | undefined;
  let ends: (() => unknown)[] = [];
  afterEach(async () => {
    const pending = ends.reverse();
    ends = [];
    const gone = directory;
    directory = undefined;
    try {
      for (const end of pending) await soon(end, CLOSE_MS, "an end of the test");
    } finally {
      if (gone !== undefined) await rm(gone, { recursive: true, force: true });
    }
  });
  return {
    path: (...parts) => {
      directory ??= mkdtempSync(join(tmpdir(), "meshgate-test-"));
      return join(directory, ...parts);
    },
    open: async (location, options) => {
      const store = await openStore(location, options);
      ends.push(() => store.close());
      return store;
    },
    later: (end) => {
      ends.push(end);
    },
  };
}

/** What the work gives, or an error where it takes too long: a test that hangs should say at what. */
export async function soon<T>(work: () => T, ms: number, what: string): Promise<Awaited<T>> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} is not over after ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether the promise settles within that time. */
export async function settles(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, late]).finally(() => clearTimeout(timer));
}

/** The code of the error that the action ends in, or "none". */
export async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action();
    return "none";
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}

/** A promise and the function that resolves it. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

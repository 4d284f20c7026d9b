// The one door through which benchmarks reach the library: the built package, because that is what users run.
// BENCH_LIBRARY names another entry file; the tests set it to the sources, so that they need no build.
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type * as Library from "../../src/index.ts";

const { BENCH_LIBRARY: override } = process.env;

/** The URL of the library's entry file: processes that measure themselves import it from there. */
export const libraryUrl: string =
  override === undefined
    ? new URL("../../dist/index.js", import.meta.url).href
    : pathToFileURL(resolve(override)).href;

/** The arguments with which a bare Node can import it: none, unless it is TypeScript. */
export const libraryArguments: readonly string[] = libraryUrl.endsWith(".ts") ? process.execArgv : [];

const library = await load();

/** `openStore` of the measured library. */
export const openStore: typeof Library.openStore = library.openStore;

/** `collection` of the measured library. */
export const collection: typeof Library.collection = library.collection;

/** `DatabaseManager` of the measured library. */
export const DatabaseManager: typeof Library.DatabaseManager = library.DatabaseManager;

/** `migrations` and `eachRow` of the measured library. */
export const migrations: typeof Library.migrations = library.migrations;
export const eachRow: typeof Library.eachRow = library.eachRow;

/** `importBolt` and `openBolt` of the measured library. */
export const importBolt: typeof Library.importBolt = library.importBolt;
export const openBolt: typeof Library.openBolt = library.openBolt;

async function load(): Promise<typeof Library> {
  try {
    return await import(libraryUrl);
  } catch (cause) {
    throw new Error(`Cannot load ${fileURLToPath(libraryUrl)}. Run "npm run build" first.`, { cause });
  }
}

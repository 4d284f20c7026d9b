import type { Database } from "./database.ts";
import type { DatabaseOptions } from "./database-options.ts";

/** The open database of a control plane. */
export type DatabaseManager = Database;

/** Opens databases of control planes. What it needs is loaded when it is called: stores alone do without. */
export const DatabaseManager = {
  /**
   * Opens a database, made where there is none, and brings it to the schema version of this release.
   *
   * @param location as of `openStore()`
   * @throws DatabaseError as `openStore()`; `MIGRATION_NEWER`, `MIGRATION_MISMATCH`, `MIGRATION_FAILED`,
   * `OPTION_INVALID`
   */
  async open(
    location: Parameters<typeof import("./database.ts")["openDatabase"]>[0],
    options?: DatabaseOptions,
  ): Promise<Database> {
    const { openDatabase } = await import("./database.ts");
    return openDatabase(location, options);
  },
} as const;

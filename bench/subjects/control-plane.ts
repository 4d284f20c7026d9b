import { addTenants, type ControlPlane } from "../lib/control-plane-datasets.ts";
import type { ReadBy } from "../lib/control-plane-model.ts";
import { PLAIN, TENANTS, type Window } from "../lib/control-plane-rows.ts";
import { DatabaseManager, openStore } from "../lib/library.ts";
import type { Durability } from "../lib/model.ts";
import { encode } from "../lib/rows.ts";
import type { Database } from "./session.ts";

type Store = Awaited<ReturnType<typeof openStore>>;

/** What the sides on one directory share: a control plane's database, or a bare store where one works by hand. */
export class ControlPlaneSession {
  readonly database: Database;
  readonly #durability: Durability;
  #db: Promise<ControlPlane> | undefined;
  #store: Promise<Store> | undefined;

  constructor(database: Database, durability: Durability) {
    this.database = database;
    this.#durability = durability;
  }

  /** Opens the control plane's database, once. */
  controlPlane(): Promise<ControlPlane> {
    this.#db ??= DatabaseManager.open(this.database, { durability: this.#durability, retention: false });
    return this.#db;
  }

  /** The same for one that begins empty: with tenants. */
  async populated(): Promise<ControlPlane> {
    const db = await this.controlPlane();
    await addTenants(db, TENANTS);
    return db;
  }

  /** Opens a bare store, once. */
  store(): Promise<Store> {
    this.#store ??= openStore(this.database, { durability: this.#durability });
    return this.#store;
  }

  /** Ends what was begun; the database beneath stays open. */
  async close(): Promise<void> {
    await (await this.#db)?.close();
    await (await this.#store)?.close();
  }
}

/** Reads the rows of a tenant. */
export interface RowReader {
  /** All its users. */
  users(tenantId: string): Promise<unknown[]>;
  /** Its snapshots in a window of time. */
  window(window: Window): Promise<unknown[]>;
  /** What a read gave, without its keys. */
  comparable(found: unknown[]): unknown[];
}

/** Who reads a tenant's rows. The plain bucket, which classic-level reads as well, has them under the same keys. */
export const rowReaders: Readonly<Record<ReadBy, (session: ControlPlaneSession) => Promise<RowReader>>> = {
  async operation(session) {
    const db = await session.controlPlane();
    return {
      users: (tenantId) => db.getUsersByTenant(tenantId),
      window: ({ tenantId, from, to }) => db.getMetricsSnapshots(tenantId, "minute", from, to),
      comparable: (found) => found,
    };
  },
  async range(session) {
    const { store } = await session.controlPlane();
    const read = (bounds: object) =>
      store.view(async (tx) => (await tx.bucket(PLAIN))!.range(bounds).toArray());
    const comparable = (found: unknown[]) => (found as [unknown, unknown][]).map(([, value]) => value);
    return {
      users: (tenantId) => read({ prefix: [tenantId] }),
      window: (of) => read(boundsOf(of)),
      comparable,
    };
  },
  async values(session) {
    const { store } = await session.controlPlane();
    const read = (bounds: object) =>
      store.view(async (tx) => (await tx.bucket(PLAIN))!.values(bounds).toArray());
    const comparable = (found: unknown[]) => found;
    return {
      users: (tenantId) => read({ prefix: [tenantId] }),
      window: (of) => read(boundsOf(of)),
      comparable,
    };
  },
  async raw({ database }) {
    return {
      users: (tenantId) => readJson(database, startOf([tenantId]), `${startOf([tenantId])}~`),
      window({ tenantId, from, to }) {
        const start = startOf([tenantId, "minute"]);
        return readJson(database, `${start}"${dateText(from)}`, `${start}"${dateText(to)}`);
      },
      comparable: (found) => found,
    };
  },
};

function boundsOf({ tenantId, from, to }: Window) {
  return { gte: [tenantId, "minute", from], lt: [tenantId, "minute", to] };
}

/** Where the keys on disk begin that begin with a tuple's parts: without the final "!". */
function startOf(parts: readonly unknown[]): string {
  return `!${PLAIN}!${encode(parts).slice(0, -1)}`;
}

/** A date within a tuple: charwise has none in tuples, so it is a letter before its number. */
function dateText(date: Date): string {
  return `G${encode(date.getTime())}`;
}

const CHUNK = 1000;
const HIGH_WATER_MARK = 1 << 20;

/** An iterator with nothing around it, and JSON.parse: neither a snapshot that others share, nor a check. */
async function readJson(database: Database, gte: string, lt: string): Promise<unknown[]> {
  const iterator = database.iterator({ gte, lt, keys: false, highWaterMarkBytes: HIGH_WATER_MARK });
  const values: unknown[] = [];
  let chunk = iterator.nextv(CHUNK);
  for (let rows = await chunk; rows.length > 0; rows = await chunk) {
    // The next chunk is read by another thread while this one is parsed.
    chunk = iterator.nextv(CHUNK);
    for (const row of rows) values.push(JSON.parse(row[1]));
  }
  void iterator.close();
  return values;
}

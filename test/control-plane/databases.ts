import { type Database, DatabaseManager, type DatabaseOptions } from "@meshgate/database";
import { afterEach, expect } from "vitest";
import { COLLECTIONS } from "../../src/control-plane/transfer/tenant-rows.ts";
import { usePlaces } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";

/** A clock that stands until it is moved. */
export class Clock {
  time: number;

  constructor(start: string | number | Date = "2026-03-10T12:00:00.000Z") {
    this.time = new Date(start).getTime();
  }

  readonly now = (): Date => new Date(this.time);

  advance(ms: number): void {
    this.time += ms;
  }
}

export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** The databases of one test. After it, each that is open is checked: indexes, counts and chains. */
export interface Databases {
  readonly clock: Clock;
  open(options?: DatabaseOptions, name?: string): Promise<Database>;
  path(name: string): string;
  /** Leaves the check to the test itself, which damages something. */
  unchecked(): void;
}

export function useDatabases(): Databases {
  const places = usePlaces();
  const opened: Database[] = [];
  const clock = new Clock();
  let isChecked = true;
  afterEach(async () => {
    const databases = opened.splice(0);
    const checks = isChecked;
    isChecked = true;
    clock.time = new Clock().time;
    for (const db of databases) {
      const isOpen = await db.stats().then(
        () => true,
        () => false,
      );
      if (!isOpen) continue;
      try {
        if (checks) await expectConsistent(db);
      } finally {
        await db.close();
      }
    }
  });
  return {
    clock,
    open: async (options, name = "db") => {
      const db = await DatabaseManager.open(places.path(name), {
        now: clock.now,
        retention: false,
        ...options,
      });
      opened.push(db);
      return db;
    },
    path: (name) => places.path(name),
    unchecked: () => {
      isChecked = false;
    },
  };
}

/** Expects that records, entries, counts and chains agree. */
export async function expectConsistent(db: Database): Promise<void> {
  await expectSound(db.store);
  for (const each of COLLECTIONS) {
    const { ok, problems } = await each.verify(db.store);
    expect(problems, each.name).toEqual([]);
    expect(ok, each.name).toBe(true);
  }
  for (const { id } of await db.listTenants()) {
    expect(await db.tenant(id).quota.verify(), id).toMatchObject({ ok: true });
    expect(await db.tenant(id).audit.verify(), id).toMatchObject({ ok: true });
  }
}

/** A WireGuard public key that follows from a number. */
export function keyOf(n: number): string {
  const bytes = Buffer.alloc(32, 1);
  bytes.writeUInt32BE(n, 0);
  return bytes.toString("base64");
}

/** A node that follows from a number. */
export function nodeOf(n: number) {
  return { id: `n${n}`, publicKey: keyOf(n), ipAddress: `10.10.${n >> 8}.${n & 255}` };
}

/** A user that follows from a number; emails differ from tenant to tenant. */
export function userOf(n: number, tenantId: string) {
  return { id: `u${n}`, email: `u${n}@${tenantId}.example` };
}

/** What a stream of text gives, as one text. */
export async function textOf(lines: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const line of lines) text += line;
  return text;
}

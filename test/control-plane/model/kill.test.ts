import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Database, DatabaseManager } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { go, killRunning, startWaiting } from "../../collections/model/children.ts";
import { beginJournal, journalOf } from "../../collections/model/journal.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { Clock, expectConsistent, textOf } from "../databases.ts";
import { expectGone, expectRolledUp, expectRules, expectSame } from "./inspect.ts";
import type { Orders } from "./kill-writer.ts";
import { CAST, LOOSE, TICK, timeOf } from "./load.ts";
import { MODELLED } from "./operations.ts";
import { modelsAt, replayOn } from "./replay.ts";
import { prepare } from "./setup.ts";

const KILLS = Number(process.env["MESHGATE_CONTROL_PLANE_KILLS"] ?? 12);
/** The longest that a program runs before it is killed. */
const RUN_MS = 1200;
const PROGRAM = fileURLToPath(new URL("kill-writer.ts", import.meta.url));

/** What stays of the throw-away tenant however old it grows. */
const LASTING = /^\{"collection":"(users|nodes|node_groups|api_keys|sessions)"/;
const lastingOf = (text: string) => text.split("\n").filter((line) => LASTING.test(line));

/** Expects that an import or a wipe was done, or not begun, or is refused until it is wiped. @returns which */
async function expectCast(db: Database, exported: string): Promise<string> {
  const tenant = db.tenant(CAST);
  const found = await tenant.get();
  const state = found === undefined ? "gone" : (found.busy ?? "whole");
  if (state === "whole") {
    expect(lastingOf(await textOf(tenant.export()))).toEqual(lastingOf(exported));
    await expectRules(db, CAST);
  } else if (state !== "gone") {
    await expectRefused("TENANT_BUSY", () => tenant.users.save({ id: "u", email: "u@cast.example" }));
    await expectRefused("TENANT_BUSY", () => tenant.import([exported]));
  }
  await tenant.wipe();
  await expectGone(db, CAST);
  return state;
}

describe("a control plane that is killed", () => {
  const places = usePlaces();
  const clock = new Clock();
  const open = async () => {
    const db = await DatabaseManager.open(places.path("db"), { now: clock.now, retention: false });
    places.later(() => db.close());
    return db;
  };
  const start = (kill: number) => {
    const orders: Orders = {
      directory: places.path("db"),
      notes: places.path(`notes-${kill}`),
      exported: places.path("exported"),
      since: places.path("since"),
      durability: kill % 2 === 0 ? "durable" : "relaxed",
      seed: Math.floor(Math.random() * 2 ** 32),
    };
    return startWaiting(places, PROGRAM, [JSON.stringify(orders)]);
  };

  test("loses no acknowledged commit, leaves none in parts, and no count, reference or chain wrong", {
    timeout: 60_000 + KILLS * 20_000,
  }, async () => {
    const totals = { kills: 0, commits: 0, operations: 0, "roll-ups": 0, "differing counts": 0 };
    const casts: Record<string, number> = {};
    let next = start(0);
    const models = modelsAt(clock.now());
    let since = clock.time;
    let db = await open();
    const exported = await prepare(db, clock.now());
    await db.close();
    await writeFile(places.path("exported"), exported);
    await writeFile(places.path("since"), String(since));

    while (totals.kills < KILLS) {
      const child = await next;
      await go(child);
      await sleep(Math.random() * RUN_MS);
      // The next one gets ready meanwhile.
      next = start(totals.kills + 1);
      await killRunning(child);

      db = await open();
      const journal = await journalOf(db.store);
      const notes = (await readFile(places.path(`notes-${totals.kills}`), "utf8")).split("\n");
      expect(journal.length).toBeGreaterThanOrEqual(Math.max(...notes.map(Number)));
      totals.operations += replayOn(models, journal, since);
      totals.commits += journal.length;
      totals.kills++;
      since = timeOf(since, journal.length);
      // A transaction that did not commit may have been that far.
      clock.time = since + TICK;
      await expectSame(db, models, clock.now());
      for (const id of [...MODELLED, LOOSE]) totals["differing counts"] += await expectRules(db, id);
      const cast = await expectCast(db, exported);
      casts[cast] = (casts[cast] ?? 0) + 1;
      totals["roll-ups"] += await expectRolledUp(db, models, clock.now());
      await expectConsistent(db);
      await beginJournal(db.store);
      await db.close();
      await writeFile(places.path("since"), String(since));
    }
    await killRunning(await next);
    process.stdout.write(`${JSON.stringify({ ...totals, "throw-away tenant": casts })}\n`);
    expect(totals["differing counts"]).toBe(0);
    expect(totals.commits).toBeGreaterThan(KILLS);
  });
});

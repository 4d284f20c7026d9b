import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Database, DatabaseError } from "@meshgate/database";
import { describe, expect, type TestContext, test } from "vitest";
import { go, startWaiting } from "../../collections/model/children.ts";
import { killProcess } from "../../helpers/openers.ts";
import { usePlaces } from "../../helpers/places.ts";
import { expectConsistent, useDatabases } from "../databases.ts";
import { expectImported } from "./compare.ts";
import { expectedOf } from "./expected.ts";
import { type GoFile, useGoFiles } from "./go-files.ts";
import type { Orders } from "./kill-importer.ts";
import { rowsOf } from "./rows.ts";

const KILLS = Number(process.env["MESHGATE_GO_IMPORT_KILLS"] ?? 10);
const SEED = Number(process.env["MESHGATE_SEED"] ?? Date.now() % 2 ** 31);
/** Kills of one import, after which it may run to its end. */
const A_ROUND = 10;
const PROGRAM = fileURLToPath(new URL("kill-importer.ts", import.meta.url));
/** What each run did, and when the schema was made, may differ. */
const BOOKS = ["go_imports", "migrations"];

describe(`an import that does not come to its end (seed ${SEED})`, () => {
  const places = usePlaces();
  const databases = useDatabases();
  const files = useGoFiles();

  /** A file, and all rows of the database into which it was imported at one go, and how long that took. */
  const whole = async (context: TestContext, scale: number) => {
    const file = await files.make(context, { seed: SEED, pageSize: 4096, scale, faults: 100 });
    const db = await databases.open({ durability: "relaxed" }, "whole");
    const start = performance.now();
    await db.importGoFile(file.path);
    const ms = performance.now() - start;
    await expectImported(db, expectedOf(file.lines, databases.clock.now()));
    return { file, ms, rows: await rowsOf(db, BOOKS) };
  };

  /** Expects that a run which is done now has come to the same as one that nothing disturbed. */
  const expectSame = async (db: Database, file: GoFile, rows: ReadonlyMap<string, string>) => {
    expect(await db.importGoFile(file.path)).toMatchObject({ repeated: true });
    const found = await rowsOf(db, BOOKS);
    for (const [place, row] of found)
      if (rows.get(place) !== row) expect([place, row]).toEqual([place, rows.get(place)]);
    expect(found.size).toBe(rows.size);
  };

  test("by kill -9 goes on in the next run, and comes to the same", {
    timeout: 60_000 + KILLS * 10_000,
  }, async (context) => {
    const { file, ms, rows } = await whole(context, 1000);
    const now = databases.clock.time;
    const start = (round: number): Promise<ChildProcess> => {
      const orders: Orders = { directory: places.path(`db-${round}`), file: file.path, now };
      return startWaiting(places, PROGRAM, [JSON.stringify(orders)]);
    };
    let kills = 0;
    const rounds: number[] = [];
    while (kills < KILLS) {
      const round = rounds.length;
      let killed = 0;
      let next = start(round);
      for (let isDone = false; !isDone; ) {
        const child = await next;
        const done = once(child, "exit");
        await go(child);
        const stays = killed < A_ROUND ? sleep(Math.random() * ms * 0.5) : new Promise(() => undefined);
        // The next one gets ready meanwhile.
        next = start(round);
        isDone = (await Promise.race([stays.then(() => "late"), done.then(() => "done")])) === "done";
        if (isDone) expect(child.exitCode).toBe(0);
        else killed++;
        await killProcess(child);
      }
      await killProcess(await next);
      kills += killed;
      rounds.push(killed);
      const db = await databases.open(
        { durability: "relaxed" },
        `../${places.path(`db-${round}`).split("/").at(-2)}/db-${round}`,
      );
      await expectSame(db, file, rows);
      await expectConsistent(db);
      await db.close();
    }
    process.stdout.write(`Kills of each import until it was done: ${rounds.join(", ")}\n`);
  });

  test("by its signal stops soon, consistent, and goes on in the next run", async (context) => {
    const { file, rows } = await whole(context, 200);
    const db = await databases.open({ durability: "relaxed" });
    let aborts = 0;
    for (let steps = 1; ; steps += 2) {
      const controller = new AbortController();
      let left = steps;
      try {
        await db.importGoFile(file.path, {
          signal: controller.signal,
          onProgress: () => {
            if (--left === 0) controller.abort();
          },
        });
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(DatabaseError);
        expect(error).toMatchObject({ code: "ABORTED" });
        aborts++;
        await expectConsistent(db);
      }
    }
    expect(aborts).toBeGreaterThan(1);
    await expectSame(db, file, rows);
  });

  test("that is aborted before it begins changes nothing", async (context) => {
    const file = await files.make(context, { seed: SEED, pageSize: 4096, scale: 5, faults: 0 });
    const db = await databases.open();
    const before = await rowsOf(db);
    const outcome = db.importGoFile(file.path, { signal: AbortSignal.abort() });
    await expect(outcome).rejects.toMatchObject({ code: "ABORTED" });
    expect(await rowsOf(db)).toEqual(before);
  });
});

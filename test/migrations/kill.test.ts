import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openStore, type Store } from "@meshgate/database";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import { type AnyLevel, tap } from "../helpers/levels.ts";
import { killProcess, startProcess } from "../helpers/openers.ts";
import { soon, usePlaces } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";
import { differences, endState } from "./end-state.ts";
import { fillOld, type Moment, type Order, steps, USERS, users } from "./kill-migration.ts";

const KILLS = Number(process.env["MESHGATE_MIGRATION_KILLS"] ?? 10);
const ROWS = KILLS >= 200 ? 100_000 : 5000;
const PROGRAM = fileURLToPath(new URL("kill-migration.ts", import.meta.url));
/** Every so many stores are killed a second time, in the run that goes on. */
const AGAIN = 4;
/** Programs that get ready meanwhile. */
const AHEAD = 2;
/** The number of the last commit. */
const COMMIT = "!~store!Jcommit";
const WAIT_MS = 60_000;

/** What an undisturbed run leaves, and what it took. */
interface Undisturbed {
  readonly rows: ReadonlyMap<string, string>;
  readonly writes: number;
  readonly handed: number;
  readonly ms: number;
}

/** The moments of the kills: as many of each kind as fit, evenly from the first write to the last. */
function planMoments({ writes, handed, ms }: Undisturbed): Moment[] {
  const moments: Moment[] = [];
  const delays = Math.floor(KILLS / 10);
  const rows = Math.floor(KILLS / 5);
  const atWrites = KILLS - delays - rows;
  for (let i = 0; i < atWrites; i++) {
    const kind = (["during", "after", "before"] as const)[i % 3] as "during";
    moments.push({
      kind,
      write: 1 + Math.floor((i / atWrites) * writes),
      spin: i % 2 === 0 ? 0 : Math.random() * 2,
    });
  }
  for (let i = 0; i < rows; i++)
    moments.push({ kind: "row", row: 1 + Math.floor(((i + 0.5) / rows) * handed) });
  for (let i = 0; i < delays; i++) moments.push({ kind: "delay", ms: ((i + Math.random()) / delays) * ms });
  return moments;
}

/** The same moment, but for what is left to chance. */
function nameOf(moment: Moment): string {
  return JSON.stringify({ ...moment, spin: undefined });
}

describe("a migration that is killed", () => {
  const places = usePlaces();
  const onRow = () => {};

  async function open(name: string): Promise<{ store: Store; level: AnyLevel }> {
    const level = new ClassicLevel<string, string>(places.path(name)) as AnyLevel;
    return { level, store: await openStore(level, { durability: "relaxed" }) };
  }

  /** Migrates to the end, and waits until what was deleted is gone. */
  async function finish({ store, level }: { store: Store; level: AnyLevel }): Promise<void> {
    const report = await steps(ROWS, onRow).migrate(store, { backup: false });
    expect(report.to).toBe(3);
    const isReclaimed = async () =>
      (await level.keys({ gte: "!~sublevels!", lt: "!~sublevels!~" }).all()).length === 0;
    await expect.poll(isReclaimed, { timeout: WAIT_MS, interval: 5 }).toBe(true);
  }

  async function runUndisturbed(name: string): Promise<Undisturbed> {
    const { store, level } = await open(name);
    const { written } = tap(level);
    let handed = 0;
    const begun = performance.now();
    const schema = steps(ROWS, () => handed++);
    await schema.migrate(store, { backup: false });
    const ms = performance.now() - begun;
    const writes = written.length;
    await finish({ store, level });
    const rows = await endState(level);
    await store.close();
    return { rows, writes, handed, ms };
  }

  async function startChild(): Promise<ChildProcess> {
    const child = startProcess(PROGRAM);
    places.later(() => killProcess(child));
    await soon(() => once(child, "message"), WAIT_MS, "the start of the program");
    return child;
  }

  /** Runs the migration in a process until it is killed. */
  async function kill(child: ChildProcess, order: Order): Promise<void> {
    const gone = soon(() => once(child, "exit"), WAIT_MS, "the program's end");
    const ready = once(child, "message");
    child.send(order);
    if (order.moment.kind === "delay") {
      await Promise.race([ready, gone]);
      await sleep(order.moment.ms);
      child.kill("SIGKILL");
    }
    expect(await gone, "an error of its own would end it otherwise").toEqual([null, "SIGKILL"]);
  }

  /** What a store tells after a kill must fit what is in it. @returns how far it was */
  async function expectConsistent(store: Store): Promise<string> {
    const { version, running, pending, applied } = await steps(ROWS, onRow).status(store);
    expect(applied).toHaveLength(version);
    expect(pending).toHaveLength(3 - version);
    const handled = await store.view(async (tx) => (await tx.bucket("handled"))?.count());
    if (version === 0) expect({ handled, running }).toEqual({ handled: undefined, running: undefined });
    if (version === 1) expect(handled).toBe(running?.rows ?? 0);
    if (version > 1) expect(handled).toBe(ROWS);
    if (running !== undefined) expect(running).toMatchObject({ version: version + 1, direction: "up" });
    return running === undefined ? `at version ${version}` : `in step ${running.version}`;
  }

  test("ends in the very rows of a run that nothing disturbed, whenever it was killed", {
    timeout: 60_000 + KILLS * 30_000,
  }, async () => {
    const template = await open("template");
    await fillOld(template.store, ROWS);
    await template.store.compact();
    await template.store.close();
    const copy = (name: string) => cp(places.path("template"), places.path(name), { recursive: true });

    await copy("undisturbed");
    const undisturbed = await runUndisturbed("undisturbed");
    const counts = Array.from(undisturbed.rows).filter(([key]) => key.startsWith("!handled!"));
    expect(counts).toHaveLength(ROWS);
    expect(counts.filter(([, count]) => count !== "1")).toEqual([]);

    const moments = planMoments(undisturbed);
    const met = {
      rows: ROWS,
      writes: undisturbed.writes,
      kills: 0,
      moments: new Set(moments.map(nameOf)).size,
    };
    const left: Record<string, number> = {};
    let differing = 0;
    const waiting = Array.from({ length: AHEAD }, startChild);
    for (let i = 0; moments.length > 0; i++) {
      const name = `killed-${i}`;
      await copy(name);
      const order = {
        directory: places.path(name),
        rows: ROWS,
        durability: i % 2 === 0 ? "durable" : "relaxed",
      } as const;
      const backup = i % 5 === 4;
      // Taken from both ends, so that a second kill meets another step.
      const taken = [moments.shift(), i % AGAIN === AGAIN - 1 ? moments.pop() : undefined];
      for (const moment of taken) {
        if (moment === undefined) continue;
        const child = (await waiting.shift()) as ChildProcess;
        await kill(child, { ...order, moment, backup });
        if (met.kills + waiting.length + 1 < KILLS) waiting.push(startChild());
        met.kills++;
      }

      const { store, level } = await open(name);
      const at = await expectConsistent(store);
      left[at] = (left[at] ?? 0) + 1;
      await finish({ store, level });
      // The note of where a backup lies is a commit more.
      const isCompared = (key: string) => !(backup && key === COMMIT);
      const different = differences(undisturbed.rows, await endState(level)).filter(isCompared);
      if (different.length > 0) differing++;
      expect(different.slice(0, 10), `killed at ${JSON.stringify(taken)}`).toEqual([]);
      expect(await users.verify(store)).toMatchObject({ ok: true, records: USERS });
      await expectSound(store);
      await store.close();
      await rm(places.path(name), { recursive: true });
    }
    process.stdout.write(`${JSON.stringify({ ...met, left, "differing end states": differing })}\n`);
    expect(met).toMatchObject({ kills: KILLS, moments: KILLS });
    expect(differing).toBe(0);
  });
});

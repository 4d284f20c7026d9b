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
import { COMMIT, fillOld, type Moment, type Order, steps, USERS, users } from "./kill-migration.ts";

const KILLS = Number(process.env["MESHGATE_MIGRATION_KILLS"] ?? 10);
const ROWS = KILLS >= 200 ? 100_000 : 5000;
const PROGRAM = fileURLToPath(new URL("kill-migration.ts", import.meta.url));
/** Every so many stores are killed a second time, in the run that goes on. */
const AGAIN = 10;
/** Every so many are killed from outside, too, after a random time. */
const DELAYED = 10;
/** Programs that get ready meanwhile. */
const AHEAD = 2;
const WAIT_MS = 60_000;

/** What an undisturbed run leaves, and what it took. */
interface Undisturbed {
  readonly rows: ReadonlyMap<string, string>;
  readonly commits: number;
  readonly handed: number;
  readonly ms: number;
}

/** The kills of one store, the first in the run from the start. */
type Kills = readonly Moment[];

/** As many first kills as are asked for, evenly from the first commit to the last; and others, left to chance. */
function planKills({ commits, handed, ms }: Undisturbed): Kills[] {
  const stores: Moment[][] = [];
  const amidRows = Math.floor(KILLS / 5);
  const atCommits = KILLS - amidRows;
  for (let i = 0; i < atCommits; i++) {
    const kind = (["during", "after", "before"] as const)[i % 3] as "during";
    const spin = i % 2 === 0 ? 0 : Math.random() * 2;
    stores.push([{ kind, commit: 1 + Math.floor((i / atCommits) * commits), spin }]);
  }
  for (let i = 0; i < amidRows; i++)
    stores.push([{ kind: "row", row: 1 + Math.floor(((i + 0.5) / amidRows) * handed) }]);
  for (const [i, moments] of stores.entries()) {
    if (i % AGAIN === 0) moments.push({ kind: "during", commit: 1 + (i % 4), spin: Math.random() * 2 });
  }
  for (let i = 0; i < KILLS / DELAYED; i++) stores.push([{ kind: "delay", ms: Math.random() * ms }]);
  return stores;
}

/** What two kills have in common that are at the same moment. */
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
    const commits = written.filter(({ puts }) => puts.includes(COMMIT)).length;
    await finish({ store, level });
    const rows = await endState(level);
    await store.close();
    return { rows, commits, handed, ms };
  }

  async function startChild(): Promise<ChildProcess> {
    const child = startProcess(PROGRAM);
    places.later(() => killProcess(child));
    await soon(() => once(child, "message"), WAIT_MS, "the start of the program");
    return child;
  }

  /** Runs the migration in a process until it is killed. @returns whether something was left to do then */
  async function kill(child: ChildProcess, order: Order): Promise<boolean> {
    let isDone = false;
    child.on("message", (message) => {
      if (message === "done") isDone = true;
    });
    const gone = soon(() => once(child, "exit"), WAIT_MS, "the program's end");
    const ready = once(child, "message");
    child.send(order);
    if (order.moment.kind === "delay") {
      await Promise.race([ready, gone]);
      await sleep(order.moment.ms);
      child.kill("SIGKILL");
    }
    expect(await gone, "an error of its own would end it otherwise").toEqual([null, "SIGKILL"]);
    return !isDone;
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

    const plan = planKills(undisturbed);
    const moments = new Set<string>();
    const left: Record<string, number> = {};
    const differing: string[] = [];
    let kills = 0;
    const orders = plan.flatMap((each, store) => each.map((moment, nth) => ({ store, moment, nth })));
    const waiting = Array.from({ length: AHEAD }, startChild);
    for (const [i, { store: number, moment, nth }] of orders.entries()) {
      const name = `killed-${number}`;
      if (nth === 0) await copy(name);
      const child = (await waiting.shift()) as ChildProcess;
      if (i + AHEAD < orders.length) waiting.push(startChild());
      const backup = number % 8 === 7;
      const durability = number % 2 === 0 ? "durable" : "relaxed";
      if (await kill(child, { directory: places.path(name), rows: ROWS, moment, durability, backup })) {
        kills++;
        if (nth === 0 && moment.kind !== "delay") moments.add(nameOf(moment));
      }
      if (nth + 1 < (plan[number] as Kills).length) continue;

      const { store, level } = await open(name);
      const at = await expectConsistent(store);
      left[at] = (left[at] ?? 0) + 1;
      await finish({ store, level });
      // The note of where a backup lies is a commit more.
      const isCompared = (key: string) => !(backup && key === COMMIT);
      const different = differences(undisturbed.rows, await endState(level)).filter(isCompared);
      if (different.length > 0) differing.push(`${JSON.stringify(plan[number])}: ${different.slice(0, 5)}`);
      expect(await users.verify(store)).toMatchObject({ ok: true, records: USERS });
      await expectSound(store);
      await store.close();
      await rm(places.path(name), { recursive: true });
    }
    const { commits } = undisturbed;
    const totals = { rows: ROWS, commits, kills, moments: moments.size, left };
    process.stdout.write(`${JSON.stringify({ ...totals, "differing end states": differing.length })}\n`);
    expect(differing).toEqual([]);
    expect(moments.size).toBe(KILLS);
    expect(kills).toBeGreaterThanOrEqual(KILLS);
  });
});

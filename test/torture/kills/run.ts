/**
 * Kills programs at random moments, and looks through what they leave. A database lives through several kills; then a
 * new one is begun, so that kills meet databases of all ages.
 */
import { existsSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Durability, openStore } from "@meshgate/database";
import { Random } from "../../control-plane/model/random.ts";
import { Child } from "./child.ts";
import { type Bounds, inspect } from "./inspect.ts";
import { bulksIn, TROUBLES, type Trouble } from "./trouble.ts";
import { SLOTS } from "./world.ts";

export interface KillOptions {
  readonly kills: number;
  readonly seed: number;
  /** Where databases are made. What a kill damaged stays there. */
  readonly directory: string;
  /** Commits of a run that are awaited before its kill, at the most. */
  readonly commits: number;
  /** Kills that a database lives through. */
  readonly lifetime: number;
  readonly onKill?: (report: KillReport) => void;
}

/** What the kills came to. */
export interface KillReport {
  readonly seed: number;
  kills: number;
  /** By durability, by what went on, and by the moment. */
  readonly by: Record<string, number>;
  /** Commits that were acknowledged, and those that were found without. */
  acknowledged: number;
  unacknowledged: number;
  backups: number;
}

/** One kill, as the seed has it. */
interface Plan {
  readonly durability: Durability;
  readonly trouble: Trouble;
  readonly moment: "opening" | "ready";
  /** Commits that are awaited from then on. */
  readonly commits: number;
  /** From then on, in milliseconds. */
  readonly delay: number;
}

const OPENING_MS = 250;
const RUNNING_MS = 60;

/** @throws Error with all that is wrong, and where it lies */
export async function runKills({
  kills,
  seed,
  directory,
  commits,
  lifetime,
  onKill,
}: KillOptions): Promise<KillReport> {
  const random = new Random(seed);
  const report: KillReport = { seed, kills: 0, by: {}, acknowledged: 0, unacknowledged: 0, backups: 0 };
  let next = new Child();
  let life = new Life(join(directory, "db-0"), report);
  try {
    while (report.kills < kills) {
      const plan = planOf(random, report.kills, commits);
      const child = next;
      await child.go(life.orders(plan));
      await reach(child, plan);
      // The next one gets ready while this one is looked through.
      next = new Child();
      await life.end(plan, await child.kill());
      report.kills++;
      onKill?.(report);
      if (report.kills % lifetime !== 0) continue;
      await rm(life.directory, { recursive: true });
      life = new Life(join(directory, `db-${report.kills}`), report);
    }
    await rm(life.directory, { recursive: true, force: true }); // No kill may have begun it.
  } finally {
    await next.end();
  }
  return report;
}

function planOf(random: Random, kill: number, commits: number): Plan {
  const moment = random.chance(0.2) ? "opening" : "ready";
  return {
    durability: kill % 2 === 0 ? "durable" : "relaxed",
    trouble: random.pick(TROUBLES),
    moment,
    commits: moment === "opening" ? 0 : random.below(commits + 1),
    delay: random.below(moment === "opening" ? OPENING_MS : RUNNING_MS),
  };
}

async function reach(child: Child, { moment, trouble, commits, delay }: Plan): Promise<void> {
  await child.tells(moment === "opening" || trouble === "none" ? moment : "trouble");
  await child.commits(commits);
  await sleep(delay);
}

/** A database, and what is known of it. */
class Life {
  readonly directory: string;
  readonly #report: KillReport;
  #lasts: readonly number[] = SLOTS.map(() => 0);

  constructor(directory: string, report: KillReport) {
    this.directory = directory;
    this.#report = report;
  }

  orders({ durability, trouble }: Plan) {
    const { directory } = this;
    const backups = `${directory}-backup`;
    return { directory, backups, durability, trouble, run: this.#report.kills, lasts: this.#lasts };
  }

  /** Looks through what a kill has left. @throws Error with all that is wrong */
  async end(plan: Plan, told: readonly string[]): Promise<void> {
    const acknowledged = acknowledgedIn(told, this.#lasts);
    const wrong = await this.#wrongBulk(told);
    const bounds = acknowledged.map((from): Bounds => ({ from, to: from + 1 }));
    const { problems, lasts } = await inspect(this.directory, bounds);
    wrong.push(...problems, ...(await this.#inspectBackups(told, lasts)));
    const { by, kills, seed } = this.#report;
    if (wrong.length > 0) {
      const what = `Kill ${kills + 1} of seed ${seed} (${JSON.stringify(plan)}) left ${this.directory} wrong:`;
      throw new Error([what, ...wrong].join("\n"));
    }
    for (const [slot, last] of lasts.entries()) {
      const acked = acknowledged[slot] ?? 0;
      this.#report.acknowledged += acked - (this.#lasts[slot] ?? 0);
      this.#report.unacknowledged += last - acked;
    }
    for (const each of [plan.durability, plan.trouble, plan.moment]) by[each] = (by[each] ?? 0) + 1;
    this.#lasts = lasts;
  }

  /** What was acknowledged of the buckets that are made and deleted: looked at before anything else opens the store. */
  async #wrongBulk(told: readonly string[]): Promise<string[]> {
    const last = told.findLast((line) => line.startsWith("bulk "));
    if (last === undefined) return [];
    const [, what, name = ""] = last.split(" ");
    const store = await openStore(this.directory);
    const found = await store.view(bulksIn);
    await store.close();
    // Before one was said to be gone, those of earlier lives may still be there.
    if (what !== "gone") return [];
    if (found.includes(name)) return [`The bucket ${name} is back.`];
    // The next one may have been made without a word.
    return found.length <= 1 ? [] : [`There are the buckets ${found.join(", ")} after: ${last}`];
  }

  /** Backups that were done, and what lies under the name of one that was not. */
  async #inspectBackups(told: readonly string[], lasts: readonly number[]): Promise<string[]> {
    const wrong: string[] = [];
    for (const line of told) {
      const [what, state, path, floors] = line.split(" ");
      if (what !== "backup" || state !== "begun" || path === undefined) continue;
      const isDone = told.includes(`backup done ${path}`);
      if (isDone && !existsSync(path)) wrong.push(`The backup ${path} is not there.`);
      if (!existsSync(path)) continue;
      const from = JSON.parse(floors ?? "[]") as number[];
      const bounds = lasts.map((to, slot): Bounds => ({ from: from[slot] ?? 0, to }));
      const { problems } = await inspect(path, bounds);
      wrong.push(...problems.map((problem) => `The backup ${path}: ${problem}`));
      if (problems.length === 0) await rm(path, { recursive: true });
      this.#report.backups++;
    }
    await this.#removePartial();
    return wrong;
  }

  async #removePartial(): Promise<void> {
    const parent = dirname(this.directory);
    for (const name of await readdir(parent))
      if (name.startsWith(`${basename(this.directory)}-backup`) && name.includes(".partial-"))
        await rm(join(parent, name), { recursive: true });
  }
}

function acknowledgedIn(told: readonly string[], lasts: readonly number[]): number[] {
  const acknowledged = [...lasts];
  for (const line of told) {
    const [, slot, n] = /^(\d+) (\d+)$/.exec(line) ?? [];
    if (slot !== undefined) acknowledged[Number(slot)] = Number(n);
  }
  return acknowledged;
}

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseError, DatabaseManager } from "@meshgate/database";
import { count, type Fact, print, printFacts } from "../terminal.ts";
import { ageAway, KEPT_DAYS } from "./aging.ts";
import { Checks } from "./checks.ts";
import { Clock, DAY_MS, HOUR_MS } from "./clock.ts";
import { passDay } from "./day.ts";
import { Gauge } from "./gauge.ts";
import { beat } from "./heartbeats.ts";
import { useKey } from "./keys.ts";
import { moveTenant } from "./moving.ts";
import { type Plane, say } from "./plane.ts";
import { decideFlows } from "./policies.ts";
import { rollUpDay } from "./roll-ups.ts";
import { SITES, settle } from "./sites.ts";
import { proveTrail } from "./trail.ts";

export interface ControlPlaneOptions {
  readonly directory: string;
  /** Ends the run early, in good order. */
  readonly signal: AbortSignal;
}

/** More days than the demo sets the clock forward by, so that it never shows a time that is still to come. */
const DAYS_BACK = 11;
/** The steps of the agent come before. */
const STEPS_BEFORE = 4;

/**
 * Runs a control plane of two tenants from their first day to the retention of it.
 *
 * @returns whether all held that must hold; of a run that was ended early, all up to there
 */
export async function runControlPlane({ directory, signal }: ControlPlaneOptions): Promise<boolean> {
  const scratch = await mkdtemp(join(tmpdir(), "meshgate-demo-scratch-"));
  const facts: Fact[] = [];
  const checks = new Checks(say);
  try {
    const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
    const clock = new Clock(today - DAYS_BACK * DAY_MS + 8 * HOUR_MS);
    print("\nThe control plane: a database of two tenants, in a directory of its own.");
    print(
      `Its clock begins at ${clock.now().toISOString()} and is set forward: times below are simulated.\n`,
    );
    await using db = await DatabaseManager.open(directory, { now: clock.now, retention: KEPT_DAYS });
    const gauge = new Gauge();
    const plane = { db, directory, scratch, clock, gauge, checks, sites: SITES, signal, facts };
    await forgetEarlierRun(plane);
    await takeSteps(plane);
  } catch (error) {
    if (!isInterruption(error, signal)) throw error;
    print("Stopped early.");
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  facts.push(["checks", `${count(checks.held)} of ${count(checks.made)} held`]);
  print();
  printFacts("Summary of the control plane", facts);
  return checks.held === checks.made;
}

async function takeSteps(plane: Plane): Promise<void> {
  let number = STEPS_BEFORE;
  const step = (title: string) => {
    plane.signal.throwIfAborted();
    print(`${++number}. ${title}`);
  };
  step("Two tenants settle.");
  await settle(plane);
  step("An API key lives its life.");
  await useKey(plane);
  step("The nodes heartbeat with this machine's figures.");
  await beat(plane);
  step("Policies decide flows.");
  await decideFlows(plane);
  step("A day of metrics passes.");
  const day = await passDay(plane);
  step("The day is rolled up.");
  await rollUpDay(plane, day);
  step("The audit trail is verified, and tampered with.");
  const proof = await proveTrail(plane);
  step("A tenant moves.");
  await moveTenant(plane);
  step("Retention runs.");
  await ageAway(plane, day, proof);
  step("check() reads the database from end to end.");
  await checkAll(plane);
}

async function checkAll({ db, checks, signal, sites }: Plane): Promise<void> {
  const { rows, problems, problemCount } = await db.store.check({ signal });
  for (const { message } of problems) say(`PROBLEM ${message}`);
  checks.equal("problems in the store", problemCount, 0);
  for (const { id } of sites) {
    const { ok } = await db.tenant(id).quota.verify();
    checks.holds(`the quota of ${id} counts what there is`, ok);
  }
  say(`${count(rows)} rows, ${count(problemCount)} problems; quotas count what there is.`);
}

/** A directory that is kept has the tenants of the run before. */
async function forgetEarlierRun({ db, sites, signal }: Plane): Promise<void> {
  for (const { id } of sites) {
    if ((await db.getTenant(id)) === undefined) continue;
    say(`${id} is there from an earlier run: wiped, ${count(await db.wipeTenant(id, { signal }))} rows.`);
  }
}

/** Whether an error says no more than that the user has ended the run. */
function isInterruption(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof DatabaseError && error.code === "ABORTED");
}

import { count, duration, print, withProgress } from "../terminal.ts";
import { HOUR_MS, MINUTE_MS } from "./clock.ts";
import { type Day, fullName } from "./day.ts";
import { drawHours } from "./hours-chart.ts";
import { type Plane, type Site, say, type Tenant } from "./plane.ts";

/** Longer than roll-ups wait for late snapshots. */
const DELAY_MS = 10 * MINUTE_MS;
const HOURS = 24;
/** An hour that gets a snapshot after it was rolled up, and when. */
const LATE_HOUR = 5;
const LATE_MS = LATE_HOUR * HOUR_MS + 30_500;

type Aggregate = "avg" | "max" | "count";

/** Rolls the day's minutes up to hours and a day, and compares them with what was saved. */
export async function rollUpDay(plane: Plane, day: Day): Promise<void> {
  const { db, clock, checks, signal, facts, sites } = plane;
  clock.setTo(day.to.getTime() + DELAY_MS);
  const began = performance.now();
  for (const { id } of sites) {
    let done = 0;
    const work = db.tenant(id).metrics.rollUp({ signal, onProgress: (progress) => (done = progress.done) });
    const report = await withProgress(() => `   ${id}: ${done} hours and days`, work);
    checks.equal(`hours and days rolled up of ${id}`, report, { hours: HOURS, days: 1 });
    const again = await db.tenant(id).metrics.rollUp();
    checks.equal(`rolled up again, ${id} has nothing to do`, again, { hours: 0, days: 0 });
  }
  const ms = performance.now() - began;
  const total = sites.length * HOURS;
  say(
    `${count(day.snapshots)} minutes to ${total} hours and ${sites.length} days in ${duration(ms)}; again: nothing.`,
  );
  facts.push(["roll-up", `${count((day.snapshots / ms) * 1000)} snapshots a second`]);
  for (const site of sites) await compare(plane, site, day);
  await beLate(plane, day);
  await readWindow(plane, day);
  await draw(plane, day);
}

function hourly(tenant: Tenant, { from, to }: Day, aggregate: Aggregate) {
  return tenant.metrics.series("cpu.busy", { granularity: "hour", from, to, aggregate });
}

/** Every hour of every node, and the day, against the readings as they were taken. */
async function compare({ db, checks }: Plane, site: Site, day: Day): Promise<void> {
  const tenant = db.tenant(site.id);
  const averages = await hourly(tenant, day, "avg");
  const peaks = await hourly(tenant, day, "max");
  const { from, to } = day;
  const days = await tenant.metrics.series("cpu.busy", { granularity: "day", from, to, aggregate: "avg" });
  for (const [i, node] of site.nodes.entries()) {
    const hours = day.shares.get(fullName(site, node)) ?? [];
    const values = (series: typeof days) => series[i]?.points.map(({ value }) => value);
    const sums = hours.map(sum);
    const wanted = hours.map((shares, hour) => (sums[hour] as number) / shares.length);
    checks.equal(`averages of ${node}'s hours`, values(averages), wanted);
    const tops = hours.map((shares) => Math.max(...shares));
    checks.equal(`maxima of ${node}'s hours`, values(peaks), tops);
    // The average of the day is that of its minutes, not of its hours.
    checks.equal(`average of ${node}'s day`, values(days), [sum(sums) / hours.flat().length]);
  }
}

/** A snapshot that comes when its hour is rolled up already. */
async function beLate({ db, checks, gauge, sites: [site] }: Plane, day: Day): Promise<void> {
  const tenant = db.tenant(site.id);
  const [node] = site.nodes as [string];
  const late = { id: "late", timestamp: new Date(day.from.getTime() + LATE_MS), labels: { node } };
  await tenant.metrics.save({ ...late, granularity: "minute", metrics: gauge.read().metrics });
  const report = await tenant.metrics.rollUp();
  checks.equal("a late snapshot's hour and day are rolled up anew", report, { hours: 1, days: 1 });
  const [series] = await hourly(tenant, day, "count");
  const found = series?.points[LATE_HOUR]?.value;
  checks.equal("the hour counts the late snapshot", found, 61);
  say(`One that comes late, for 05:00: its hour is made anew, of ${found} snapshots.`);
}

async function readWindow({ db, checks, facts, sites: [site] }: Plane, { from }: Day): Promise<void> {
  const start = new Date(from.getTime() + 12 * HOUR_MS);
  const end = new Date(start.getTime() + HOUR_MS);
  const began = performance.now();
  const rows = await db.getMetricsSnapshots(site.id, "minute", start, end);
  const ms = performance.now() - began;
  checks.equal("snapshots in an hour", rows.length, 60 * site.nodes.length);
  facts.push(["metrics window", `${count(rows.length)} snapshots of an hour in ${duration(ms)}`]);
}

async function draw({ db, sites: [site] }: Plane, { from, to }: Day): Promise<void> {
  const read = async (aggregate: Aggregate) => {
    const options = { granularity: "hour", from, to, aggregate, step: HOUR_MS, merge: true } as const;
    const [series] = await db.tenant(site.id).metrics.series("cpu.busy", options);
    return series?.points.map(({ value }) => value) ?? [];
  };
  print(`\nBusy CPU of ${site.id} by hour of the simulated day, as the hours have it: █ average, ░ maximum.`);
  print(`${drawHours(await read("avg"), await read("max"))}\n`);
}

function sum(figures: readonly number[]): number {
  return figures.reduce((a, b) => a + b, 0);
}

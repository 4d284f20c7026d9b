import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, freemem, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { Growth, ratio } from "./growth.ts";

/** Figures of one source at one moment: what the agent writes in one transaction. */
export interface Sample {
  readonly source: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** One figure a metric; a metric's name begins with its source's. */
  readonly figures: Readonly<Record<string, number>>;
}

/** Something on this machine that can be read again and again. */
export interface Source {
  readonly name: string;
  /** Where its figures come from, for people. */
  readonly origin: string;
  readonly metrics: readonly string[];
  read(at: number): Sample;
}

type Reader = (at: number) => Record<string, number>;

/** Kernels count CPU time in hundredths of a second; half a second of them makes a share that means something. */
const SPAN_MS = 500;
const SECTOR_BYTES = 512;

/**
 * Finds what can be sampled on this machine: everything under /proc on Linux, what node:os tells elsewhere.
 *
 * @param proc where the kernel shows its figures
 * @param spanMs the time over which shares and rates are measured: longer is smoother
 */
export function openSources(proc = "/proc", spanMs = SPAN_MS): Source[] {
  const file = (name: string) => join(proc, name);
  const has = (name: string) => existsSync(file(name));
  const sources = [
    has("stat")
      ? open("cpu", file("stat"), cpuFromProc(file("stat"), spanMs))
      : open("cpu", "node:os", cpuFromNode(spanMs)),
    has("meminfo")
      ? open("memory", file("meminfo"), memoryFromProc(file("meminfo")))
      : open("memory", "node:os", memoryFromNode()),
    has("loadavg")
      ? open("load", file("loadavg"), loadFromProc(file("loadavg")))
      : open("load", "node:os", loadFromNode()),
    open("agent", "node:process", agentFromNode(spanMs)),
  ];
  if (has("diskstats"))
    sources.push(open("disk", file("diskstats"), diskFromProc(file("diskstats"), spanMs)));
  if (has("net/dev"))
    sources.push(open("network", file("net/dev"), networkFromProc(file("net/dev"), spanMs)));
  return sources;
}

/** Makes a source of a reader. The reading it takes tells the metrics, and gives growth something to start from. */
function open(name: string, origin: string, reader: Reader): Source {
  const named = (at: number) =>
    Object.fromEntries(Object.entries(reader(at)).map(([metric, value]) => [`${name}.${metric}`, value]));
  const metrics = Object.keys(named(Date.now()));
  return { name, origin, metrics, read: (at) => ({ source: name, at, figures: named(at) }) };
}

/** Shares of the CPUs' time, from 0 to 1. */
function cpuFromProc(path: string, spanMs: number): Reader {
  const growth = new Growth(spanMs);
  return (at) => {
    const ticks = fields(lines(path)[0] ?? "")
      .slice(1, 9)
      .map(Number); // user, nice, system, idle, iowait, irq, softirq, steal
    const { grown } = growth.add(at, ticks);
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0] = grown;
    const all = sum(grown);
    return {
      busy: ratio(all - idle - iowait, all),
      user: ratio(user + nice, all),
      system: ratio(system, all),
      iowait: ratio(iowait, all),
    };
  };
}

function cpuFromNode(spanMs: number): Reader {
  const growth = new Growth(spanMs);
  return (at) => {
    const times = cpus().map((cpu) => cpu.times);
    const total = (kind: keyof (typeof times)[number]) => sum(times.map((time) => time[kind]));
    const counters = [total("user") + total("nice"), total("sys"), total("irq"), total("idle")];
    const { grown } = growth.add(at, counters);
    const [user = 0, system = 0, , idle = 0] = grown;
    const all = sum(grown);
    return { busy: ratio(all - idle, all), user: ratio(user, all), system: ratio(system, all) };
  };
}

/** Bytes. Dirty pages are those that wait to be written to disk. */
function memoryFromProc(path: string): Reader {
  return () => {
    const kib = new Map(lines(path).map((line) => [line.split(":")[0], Number(fields(line)[1])]));
    const bytes = (name: string) => (kib.get(name) ?? 0) * 1024;
    return {
      used: bytes("MemTotal") - bytes("MemAvailable"),
      cached: bytes("Cached"),
      dirty: bytes("Dirty"),
    };
  };
}

function memoryFromNode(): Reader {
  return () => ({ used: totalmem() - freemem(), free: freemem() });
}

/** The mean number of processes that run or wait to, and how many threads there are. */
function loadFromProc(path: string): Reader {
  return () => {
    const [minute, five, , threads = ""] = fields(lines(path)[0] ?? "");
    return { "1m": Number(minute), "5m": Number(five), threads: Number(threads.split("/")[1]) };
  };
}

function loadFromNode(): Reader {
  return () => {
    const [minute = 0, five = 0] = loadavg();
    return { "1m": minute, "5m": five };
  };
}

/** What the agent itself costs: bytes of memory, and its share of one CPU. */
function agentFromNode(spanMs: number): Reader {
  const growth = new Growth(spanMs);
  return (at) => {
    const { user, system } = process.cpuUsage();
    const { grown, seconds } = growth.add(at, [(user + system) / 1e6]);
    return { rss: process.memoryUsage.rss(), cpu: ratio(sum(grown), seconds) };
  };
}

/** Bytes a second, and the share of time in which some disk was at work. */
function diskFromProc(path: string, spanMs: number): Reader {
  const growth = new Growth(spanMs);
  const disks = wholeDisks();
  return (at) => {
    const stats = lines(path)
      .map(fields)
      .filter(([, , name = ""]) => disks.has(name));
    const total = (column: number) => sum(stats.map((row) => Number(row[column])));
    const { grown, seconds } = growth.add(at, [total(5), total(9), total(12)]);
    const [read = 0, written = 0, busyMs = 0] = grown;
    return {
      read: ratio(read * SECTOR_BYTES, seconds),
      written: ratio(written * SECTOR_BYTES, seconds),
      busy: ratio(busyMs / 1000, seconds),
    };
  };
}

/** Partitions and mapped devices would count the same bytes twice. */
function wholeDisks(): Set<string> {
  const block = "/sys/block";
  const names = existsSync(block) ? readdirSync(block) : [];
  return new Set(names.filter((name) => !/^(loop|ram|zram|dm-|md|sr)/.test(name)));
}

/** Bytes a second over every interface but the loopback. */
function networkFromProc(path: string, spanMs: number): Reader {
  const growth = new Growth(spanMs);
  return (at) => {
    const interfaces = lines(path)
      .filter((line) => line.includes(":"))
      .map((line) => line.split(":"))
      .filter(([name = ""]) => name.trim() !== "lo")
      .map(([, figures = ""]) => fields(figures));
    const total = (column: number) => sum(interfaces.map((row) => Number(row[column])));
    const { grown, seconds } = growth.add(at, [total(0), total(8)]);
    const [received = 0, sent = 0] = grown;
    return { received: ratio(received, seconds), sent: ratio(sent, seconds) };
  };
}

function lines(path: string): string[] {
  return readFileSync(path, "utf8").split("\n");
}

function fields(line: string): string[] {
  return line.trim().split(/\s+/);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

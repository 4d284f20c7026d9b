import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import { summarise } from "./statistics.ts";

/** Where a run took place: what its figures depend on. */
export interface Machine {
  readonly platform: string;
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  /** The load of the last minute when the run began: figures from a busy machine are worth less. */
  readonly load: number;
  /** What it takes to append 4 KiB to a file and sync it: the floor of a durable commit. */
  readonly syncUs: number;
}

/** Describes this machine; `directory` is where stores will lie. */
export function describeMachine(directory: string): Machine {
  return {
    platform: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    load: loadavg()[0] ?? 0,
    syncUs: Math.round(syncTime(directory)),
  };
}

function syncTime(directory: string): number {
  const file = openSync(join(directory, "sync"), "w");
  const block = Buffer.alloc(4096, 1);
  const samples = Array.from({ length: 50 }, () => {
    const start = performance.now();
    writeSync(file, block);
    fdatasyncSync(file);
    return (performance.now() - start) * 1000;
  });
  closeSync(file);
  return summarise(samples).median;
}

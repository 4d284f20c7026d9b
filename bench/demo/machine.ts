import { cpus, totalmem } from "node:os";
import type { Source } from "./sampler.ts";
import { print } from "./terminal.ts";

/** Tells what machine this is, and where its figures come from. */
export function printMachine(sources: readonly Source[]): void {
  const processors = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(1);
  print(
    `Machine   ${processors.length} x ${processors[0]?.model ?? "CPU"}, ${memory} GiB, ${process.platform}`,
  );
  for (const { name, origin, metrics } of sources) {
    const figures = metrics.map((metric) => metric.slice(name.length + 1)).join(", ");
    print(`${name.padEnd(9)} ${figures} (${origin})`);
  }
  const missing = ["disk", "network"].filter((name) => sources.every((source) => source.name !== name));
  if (missing.length > 0) print(`There is no /proc here: no figures of ${missing.join(" and ")}.`);
}

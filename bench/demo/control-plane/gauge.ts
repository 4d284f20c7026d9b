import { totalmem, uptime } from "node:os";
import { openSources, type Source } from "../sampler.ts";

/** What a node tells of itself: this machine's figures, as all nodes of the demo run on it. */
export interface Reading {
  /** By the names of the sampler. */
  readonly metrics: Record<MetricName, number>;
  /** As a control plane keeps them of a node. */
  readonly node: {
    readonly cpuPercent: number;
    readonly memoryPercent: number;
    readonly uptimeSeconds: number;
  };
}

export const METRICS = ["cpu.busy", "memory.used", "load.1m"] as const;
export type MetricName = (typeof METRICS)[number];

/** The simulated hours are short: shares are to change within them. */
const SPAN_MS = 100;

/** Reads this machine's figures. */
export class Gauge {
  readonly #sources: readonly Source[] = openSources(undefined, SPAN_MS).filter((source) =>
    METRICS.some((metric) => source.metrics.includes(metric)),
  );

  /** Looks at the machine, anew with each call. */
  read(): Reading {
    const at = Date.now();
    const figures = Object.assign({}, ...this.#sources.map((source) => source.read(at).figures));
    const metrics = Object.fromEntries(
      METRICS.map((metric) => [metric, figures[metric]]),
    ) as Reading["metrics"];
    const node = {
      cpuPercent: metrics["cpu.busy"] * 100,
      memoryPercent: (metrics["memory.used"] / totalmem()) * 100,
      uptimeSeconds: Math.floor(uptime()),
    };
    return { metrics, node };
  }
}

import type { PeerWorkload } from "../model.ts";
import { lives } from "./lives.ts";
import { indexes, mixed, writes } from "./readings.ts";
import { growth, reads } from "./reads.ts";

/** Every workload, in the order in which they run. */
export const workloads: readonly PeerWorkload[] = [
  ...reads,
  ...indexes,
  ...writes,
  mixed,
  ...lives,
  ...growth,
];

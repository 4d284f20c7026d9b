import type { Datasets } from "./datasets.ts";
import type { PeerEffort } from "./model.ts";
import type { Programs } from "./peer-process.ts";

/** What a run needs to know apart from the workload. */
export interface PeerSetting {
  readonly effort: PeerEffort;
  readonly datasets: Datasets;
  readonly programs: Programs;
  /** Where stores lie that are used once. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

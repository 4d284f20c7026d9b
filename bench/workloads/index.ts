import type { Workload } from "../lib/model.ts";
import { collections } from "./collections.ts";
import { controlPlane } from "./control-plane.ts";
import { imports } from "./imports.ts";
import { indexBuild } from "./index-build.ts";
import { migrations } from "./migrations.ts";
import { processes } from "./processes.ts";
import { reads } from "./reads.ts";
import { writes } from "./writes.ts";

/** Every workload, in the order in which they run. */
export const workloads: readonly Workload[] = [
  ...writes,
  ...reads,
  ...collections,
  ...indexBuild,
  ...migrations,
  ...controlPlane,
  ...imports,
  ...processes,
];

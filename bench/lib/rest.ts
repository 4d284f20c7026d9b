// Lets a measuring process come to rest.
import { setTimeout } from "node:timers/promises";

/** How long a process has to be idle before it counts as at rest, and what share of a core is still idle. */
const REST_MS = 5;
const IDLE_SHARE = 0.15;
const MAX_REST_MS = 1000;

/** Waits until this process does nothing: what LevelDB still compacts must not slow the side that comes next. */
export async function rest(): Promise<void> {
  for (let waited = 0; waited < MAX_REST_MS; waited += REST_MS) {
    const before = process.cpuUsage();
    await setTimeout(REST_MS);
    const { user, system } = process.cpuUsage(before);
    if (user + system < IDLE_SHARE * REST_MS * 1000) return;
  }
}

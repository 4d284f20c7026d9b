// The agent in a process of its own, so that it can be killed. Its parent hears of every commit through the IPC channel.
import { openStore } from "@meshgate/database";
import { openSources } from "../sampler.ts";
import { Agent } from "./agent.ts";
import type { Acknowledgement } from "./crash.ts";

const [directory = "", retentionMs = ""] = process.argv.slice(2);
const stop = new AbortController();
process.on("disconnect", () => stop.abort()); // The parent is gone.
process.on("SIGINT", () => undefined); // Ctrl-C reaches every process of the terminal; the parent decides what follows.

const store = await openStore(directory);
const agent = new Agent(store, {
  sources: openSources(),
  retentionMs: Number(retentionMs),
  onCommit: (sample) => acknowledge({ sample, underWay: agent.tally.begun - agent.tally.committed }),
});
await agent.run(stop.signal);
await store.close();

function acknowledge(message: Acknowledgement): void {
  if (process.connected) process.send?.(message);
}

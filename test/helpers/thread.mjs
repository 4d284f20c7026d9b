// Runs a TypeScript program in a worker thread: Node ignores a loader that a worker's --import registers.
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
await import(workerData.program);

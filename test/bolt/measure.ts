/** Walks a file, and prints as JSON the rows, bytes, time, and memory beyond that before the walk. Its argument is the file. */
import { openBolt } from "../../src/bolt/bolt-file.ts";

const path = process.argv[2] as string;
const idle = process.memoryUsage().rss;
let peak = idle;
let [rows, bytes] = [0, 0];
const start = performance.now();
await using file = await openBolt(path);
for await (const element of file.walk()) {
  if (element.kind === "bucket") continue;
  rows += 1;
  bytes += element.key.length + element.value.length;
  if (rows % 200 === 0) peak = Math.max(peak, process.memoryUsage.rss());
}
const seconds = (performance.now() - start) / 1000;
const mib = (size: number) => Math.round((size / 2 ** 20) * 10) / 10;
const megabytesPerSecond = Math.round(file.size / 1e6 / seconds);
console.log(
  JSON.stringify({
    fileMiB: mib(file.size),
    rows,
    contentMiB: mib(bytes),
    megabytesPerSecond,
    peakMiB: mib(peak - idle),
  }),
);

/**
 * A program that opens a store, and stops on the way after each look into the lock's files, until a file tells it to
 * go on: `<signs>/at-<n>` says that it stands there, `<signs>/go-<n>` lets it pass.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";

const [directory, signs] = process.argv.slice(2) as [string, string];
const { readFileSync } = fs;
let looks = 0;

function stopAfterLook(...call: Parameters<typeof readFileSync>): ReturnType<typeof readFileSync> {
  try {
    return readFileSync(...call);
  } finally {
    if (String(call[0]).startsWith(join(directory, "meshgate.lock"))) stop();
  }
}

function stop(): void {
  looks++;
  fs.writeFileSync(join(signs, `at-${looks}`), "");
  while (!fs.existsSync(join(signs, `go-${looks}`)));
}

fs.readFileSync = stopAfterLook as typeof readFileSync;
syncBuiltinESMExports();
const { openStore } = await import("@meshgate/database");
const outcome = await openStore(directory).then(
  () => "done",
  (error) => String(error.code ?? error),
);
fs.writeFileSync(join(signs, "outcome"), outcome);
process.disconnect?.();

#!/usr/bin/env node
/** The program `meshgate-db`. */
import { runProgram } from "./program.ts";
import { keepHeapSmall } from "./small-heap.ts";

keepHeapSmall();

// Whoever reads the result may have seen enough, as `head` does: what is left to write is not wanted.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

// Not process.exit(): a pipe may still have to take what was written.
process.exitCode = await runProgram(process.argv.slice(2), process);

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { inspectStore } from "./cuts.ts";
import { checkNotes, chooseFault, describeFault, failAndCheck } from "./faults.ts";
import { Random } from "./random.ts";
import { run, whyNoStrace } from "./record.ts";

const FAULTS = Number(process.env["MESHGATE_FAULTS"] ?? 8);
const SEED = Number(process.env["MESHGATE_POWER_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const BUFFER = 64 << 10;

const places = usePlaces();
const noStrace = whyNoStrace();
if (noStrace !== undefined) console.log(`Errors of the system are not injected: ${noStrace}.`);

describe.skipIf(noStrace !== undefined)("calls of the system that fail", () => {
  test("fail the commit with a code and the store after it, and cost no acknowledged commit", {
    timeout: 60_000 + FAULTS * 15_000,
  }, async () => {
    const problems: string[] = [];
    const outcomes = new Map<string, number>();
    let failed = 0;
    for (let number = 0; number < FAULTS; number++) {
      const random = new Random(SEED, number);
      const fault = chooseFault(random);
      const base = places.path(`run-${number}`);
      const task = {
        folder: join(base, "root"),
        seed: SEED + number,
        durability: random.pick(["durable", "durable", "relaxed"] as const),
        transactions: 80,
        ...(random.chance(0.7) ? { buffer: BUFFER } : {}),
        ...(random.chance(0.5) ? { maintainEvery: 20 } : {}),
      };
      const outcome = await failAndCheck(fault, task, base);
      if (outcome.failed > 0) failed++;
      for (const code of outcome.failed > 0 ? [outcome.codes.join(", ") || "no error"] : [])
        outcomes.set(code, (outcomes.get(code) ?? 0) + 1);
      if (outcome.problems.length > 0) {
        const kept = mkdtempSync(join(tmpdir(), "meshgate-fault-kept-"));
        cpSync(base, kept, { recursive: true });
        const told = `seed ${SEED}, run ${number} (${describeFault(fault)}), kept in ${kept}`;
        problems.push(`${told}: ${outcome.problems.slice(0, 3).join("; ")}`);
      }
      rmSync(base, { recursive: true });
    }
    const seen = Array.from(outcomes, ([codes, times]) => `${times} x ${codes}`).join("; ");
    console.log(
      `${FAULTS} faults, seed ${SEED}: ${failed} met a call (${seen}), ${problems.length} went wrong.`,
    );
    expect(problems).toEqual([]);
    expect(failed).toBeGreaterThan(FAULTS / 4);
  });
});

/** Mounts a file system of that size, which only root may do; says why it could not. */
function mountSmall(directory: string, size: string): string | undefined {
  mkdirSync(directory);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "meshgate-test", directory], {
      stdio: "pipe",
    });
    return undefined;
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr ?? error).trim();
  }
}

describe("a disk that is full", () => {
  test("fails the store; after space returns, every acknowledged commit is there", {
    timeout: 120_000,
  }, async (context) => {
    const folder = places.path("small");
    const reason = mountSmall(folder, "1500k");
    if (reason !== undefined) {
      console.log(`No small file system could be mounted: ${reason}`);
      context.skip();
    }
    places.later(() => execFileSync("umount", ["-l", folder]));
    const notes = places.path("notes");
    await run({
      folder,
      notes,
      seed: SEED,
      durability: "durable",
      transactions: 2000,
      buffer: BUFFER,
      maintainEvery: 60,
    });
    const words = readFileSync(notes, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split(" "));
    expect(checkNotes(words), `seed ${SEED}`).toEqual([]);
    expect(words).toContainEqual(["error", "update", "STORE_FAILED"]);
    expect(words).toContainEqual(["later", "view", "STORE_FAILED"]);

    execFileSync("mount", ["-o", "remount,size=64m", folder]);
    const acknowledged = Math.max(...words.filter(([kind]) => kind === "ack").map(([, n]) => Number(n)));
    expect(acknowledged).toBeGreaterThan(10);
    const problems: string[] = [];
    expect(await inspectStore(join(folder, "store"), SEED, problems)).toBeGreaterThanOrEqual(acknowledged);
    expect(problems, `seed ${SEED}`).toEqual([]);
  });
});

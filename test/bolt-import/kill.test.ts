import type { ChildProcess, Serializable } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { importBolt, type Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { startWaiting } from "../collections/model/children.ts";
import { killProcess } from "../helpers/openers.ts";
import { soon, usePlaces } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";
import { linesOfStore } from "./imported.ts";
import type { Order } from "./kill-import.ts";
import { type Content, sub, writeTree } from "./trees.ts";

const KILLS = Number(process.env["MESHGATE_IMPORT_KILLS"] ?? 8);
const PROGRAM = fileURLToPath(new URL("kill-import.ts", import.meta.url));
const MS = 30_000;
const ROWS = 8000;

const rows = (count: number): Content =>
  Array.from({ length: count }, (_, i) => [`row-${i}`, JSON.stringify({ i, text: "x".repeat(i % 300) })]);
const TREE: Content = [
  ["a", sub([...rows(ROWS / 4), ["within", sub(rows(ROWS / 4), 7n)]], 5n)],
  ["b", sub(rows(ROWS / 4))],
  ["c", sub([["deep", sub([["deeper", sub(rows(ROWS / 4), 9n)]])]])],
];
const NONE = new Map<string, "utf8">();

describe("an import that is killed", () => {
  const places = usePlaces();

  /** Starts the program. @returns when it has begun to write */
  async function run(order: Order): Promise<ChildProcess> {
    const child = await startWaiting(places, PROGRAM, []);
    child.send(order as Serializable);
    return child;
  }

  /** What a store holds beside what an import left. */
  async function standing(store: Store): Promise<string[]> {
    const stage = `B 0 ${Buffer.from("bolt-import").toString("hex")} 0`;
    const lines = await linesOfStore(store, NONE);
    const from = lines.indexOf(stage);
    if (from < 0) return lines;
    const end = lines.findIndex((line, i) => i > from && line.startsWith("B 0 "));
    return [...lines.slice(0, from), ...(end < 0 ? [] : lines.slice(end))];
  }

  test("leaves nothing of it or all, keeps what it was to replace, and goes through when it is run again", {
    timeout: 60_000 + KILLS * 8000,
  }, async () => {
    const file = await writeTree(places.path("a.db"), TREE);
    const model = await places.open(places.path("model"));
    await importBolt(file, model);
    const whole = await linesOfStore(model, NONE);
    await model.close();
    const outcomes = { nothing: 0, all: 0, staged: 0 };
    for (let kill = 0; kill < KILLS; kill++) {
      const directory = places.path(`db-${kill}`);
      let store = await places.open(directory);
      await store.update(async (tx) => {
        await (await tx.createBucket("b")).put("old", kill);
        await (await tx.createBucket("other")).put("k", 1);
      });
      const before = await linesOfStore(store, NONE);
      await store.close();
      // Half of them die where they are told to, evenly, the others by a kill from outside, up to the end.
      const dieAt = kill % 2 === 0 ? Math.ceil((2 * ROWS * (kill + 1)) / (KILLS + 1)) : undefined;
      const child = await run({ file, directory, ...(dieAt === undefined ? {} : { dieAt }) });
      if (dieAt === undefined) {
        await soon(() => once(child, "message"), MS, "the beginning of the import");
        await sleep((500 * (kill + Math.random())) / KILLS);
        await killProcess(child);
      } else if (child.exitCode === null && child.signalCode === null) {
        await soon(() => once(child, "exit"), MS, "the death of the import");
        expect(child.signalCode).toBe("SIGKILL");
      }
      store = await places.open(directory);
      const left = await store.view((tx) => tx.buckets());
      if (left.includes("bolt-import")) outcomes.staged++;
      await expectSound(store);
      const found = await standing(store);
      const isWhole = left.includes("a");
      outcomes[isWhole ? "all" : "nothing"]++;
      const other = before.slice(before.findIndex((line) => line.startsWith("B 0 6f")));
      if (isWhole) expect(found).toEqual([...whole, ...other]);
      else expect(found).toEqual(before);
      await importBolt(file, store, { existing: "replace" });
      expect(await linesOfStore(store, NONE)).toEqual([...whole, ...other]);
      await store.compact();
      await expectSound(store);
      await store.close();
    }
    console.log("Imports that were killed left:", outcomes);
    expect(outcomes.staged).toBeGreaterThan(0);
  });
});

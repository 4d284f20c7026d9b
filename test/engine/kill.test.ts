import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Bucket, Durability, Store } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { killProcess, startProcess } from "../helpers/openers.ts";
import { soon, usePlaces } from "../helpers/places.ts";
import { expectSound } from "../helpers/stores.ts";
import { BUCKETS, lastOf, WINDOW, WRITERS } from "./kill-writer.ts";

const KILLS = Number(process.env["MESHGATE_KILLS"] ?? 15);
const MS = 20_000;
const PROGRAM = fileURLToPath(new URL("kill-writer.ts", import.meta.url));

const places = usePlaces();

/** The last transaction of each writer that was acknowledged, or found in the store after an earlier kill. */
async function acknowledgedIn(notes: string, found: readonly number[]): Promise<number[]> {
  const last = [...found];
  for (const line of (await readFile(notes, "utf8")).split("\n")) {
    const [writer, n] = line.split(" ").map(Number);
    if (writer !== undefined && n !== undefined) last[writer] = Math.max(n, last[writer] ?? 0);
  }
  return last;
}

/**
 * Expects that every acknowledged transaction is whole, and any other whole or absent.
 *
 * @returns the last transaction of each writer that the store has
 */
async function expectWhole(store: Store, acknowledged: readonly number[]): Promise<number[]> {
  const lasts: number[] = [];
  await store.view(async (tx) => {
    const rows = await Promise.all(
      BUCKETS.map(async (name) => ((await tx.bucket(name)) as Bucket).range().toArray()),
    );
    for (const [writer, last] of acknowledged.entries()) {
      const found = await lastOf(tx, writer);
      // A writer has one transaction under way at the most.
      expect([last, last + 1]).toContain(found);
      lasts.push(found);
      const expected = Array.from({ length: Math.min(found, WINDOW) }, (_, i) => {
        const n = Math.max(found - WINDOW, 0) + 1 + i;
        return [[writer, n], { writer, n, text: "x".repeat((n * 13) % 200) }];
      });
      for (const bucket of rows) {
        const own = bucket.filter(([key]) => (key as [number])[0] === writer);
        expect(own).toEqual(expected);
      }
    }
    expect(await ((await tx.bucket("never")) as Bucket).count()).toBe(0);
    const runs = (await tx.buckets()).filter((name) => name.startsWith("run-"));
    expect(runs).toHaveLength(1);
    expect(await ((await tx.bucket(runs[0] as string)) as Bucket).count()).toBe(3000);
  });
  await expectSound(store);
  return lasts;
}

const start = async (args: readonly string[]): Promise<ChildProcess> => {
  const child = startProcess(PROGRAM, args);
  places.later(() => killProcess(child));
  await soon(() => once(child, "message"), MS, "the start of the writer");
  return child;
};

describe.each(["durable", "relaxed"] as const)("a writer that is killed (%s)", (durability: Durability) => {
  test("loses no acknowledged commit and leaves none in parts", {
    timeout: 20_000 + KILLS * 4000,
  }, async () => {
    const directory = places.path("store");
    const notes = places.path("notes");
    const kills = durability === "durable" ? Math.ceil(KILLS / 2) : Math.floor(KILLS / 2);
    let next = start([directory, notes, durability]);
    let found = Array.from({ length: WRITERS }, () => 0);
    for (let kill = 0; kill < kills; kill++) {
      const child = await next;
      child.send("go");
      await soon(() => once(child, "message"), MS, "the writer's first commit");
      await sleep(Math.random() * 120);
      // The next one gets ready meanwhile.
      next = start([directory, notes, durability]);
      await killProcess(child);
      const acknowledged = await acknowledgedIn(notes, found);
      const store = await places.open(directory);
      found = await expectWhole(store, acknowledged);
      await store.close();
    }
    await killProcess(await next);
    expect(found.reduce((sum, n) => sum + n)).toBeGreaterThan(kills);
  });
});

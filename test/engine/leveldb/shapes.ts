/** Stores of several shapes, to be damaged: each is made once, and damaged in copies. */
import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openStore } from "@meshgate/database";
import { readSeal, type Seal, stampOf, writeSeal } from "../../../src/engine/leveldb/seal.ts";
import { killProcess, startProcess } from "../../helpers/openers.ts";
import { commit, History, type Plan } from "./history.ts";

const PROGRAM = fileURLToPath(new URL("writer.ts", import.meta.url));

/** A store to be damaged. */
export interface Shape {
  readonly name: string;
  readonly directory: string;
  /** Files of the same store at an earlier time. */
  readonly earlier: string;
  readonly history: History;
  /** The last commit. */
  readonly last: number;
  readonly isClean: boolean;
}

interface Outline {
  readonly plan: Plan;
  readonly commits: number;
  /** After these commits the store is compacted, or closed and opened again. */
  readonly compact?: number;
  readonly reopen?: number;
}

const OUTLINES: Readonly<Record<string, Outline>> = {
  "tables only": { plan: { seed: 1, rows: 20, keys: 400, size: 200 }, commits: 40, compact: 40, reopen: 20 },
  "log only": { plan: { seed: 2, rows: 10, keys: 200, size: 300 }, commits: 60 },
  "one long record": { plan: { seed: 3, rows: 300, keys: 900, size: 900 }, commits: 3 },
  "log and tables": {
    plan: { seed: 4, rows: 20, keys: 300, size: 200 },
    commits: 60,
    compact: 30,
    reopen: 15,
  },
  "many tables": { plan: { seed: 5, rows: 60, keys: 3000, size: 3000 }, commits: 130, reopen: 60 },
};

const KILLED: Readonly<Record<string, Outline>> = {
  "killed, log only": { plan: { seed: 6, rows: 10, keys: 200, size: 300 }, commits: 60 },
  "killed, log and tables": { plan: { seed: 7, rows: 20, keys: 300, size: 200 }, commits: 60, compact: 30 },
  "killed, many tables": { plan: { seed: 8, rows: 60, keys: 3000, size: 3000 }, commits: 100 },
};

/** Makes a store of each shape below a directory. */
export async function makeShapes(below: string): Promise<Shape[]> {
  const shapes: Shape[] = [];
  for (const [name, outline] of Object.entries(OUTLINES))
    shapes.push(await makeClean(name, outline, join(below, name)));
  for (const [name, outline] of Object.entries(KILLED))
    shapes.push(await makeKilled(name, outline, join(below, name)));
  return shapes;
}

async function makeClean(name: string, outline: Outline, place: string): Promise<Shape> {
  const directory = join(place, "store");
  const earlier = join(place, "earlier");
  mkdirSync(directory, { recursive: true });
  let store = await openStore(directory, { durability: "relaxed" });
  for (let n = 1; n <= outline.commits; n++) {
    await commit(store, outline.plan, n);
    if (n === outline.compact) await store.compact();
    if (n === Math.ceil(outline.commits / 3)) copyAll(directory, earlier);
    if (n !== outline.reopen) continue;
    await store.close();
    store = await openStore(directory, { durability: "relaxed" });
  }
  await store.close();
  const history = new History(outline.plan);
  return { name, directory, earlier, history, last: outline.commits, isClean: true };
}

async function makeKilled(name: string, outline: Outline, place: string): Promise<Shape> {
  const directory = join(place, "store");
  const earlier = join(place, "earlier");
  mkdirSync(place, { recursive: true });
  const args = [directory, JSON.stringify(outline.plan), String(outline.compact ?? 0)];
  const child = startProcess(PROGRAM, args);
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error(`the writer of "${name}" ended by itself`)));
    child.on("message", (n) => {
      if (n === Math.ceil(outline.commits / 3)) copyAll(directory, earlier);
      if (n === outline.commits) resolve();
    });
  });
  await killProcess(child);
  // Without the lock of the dead: the copies are opened as they come.
  const whole = join(place, "whole");
  copyShape(directory, whole);
  const store = await openStore(whole, { durability: "relaxed" });
  const last = store.stats().commit;
  await store.close();
  return { name, directory, earlier, history: new History(outline.plan), last, isClean: false };
}

/** The files that make up a store. */
export function dataFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) =>
    /^(\d+\.(ldb|log)|MANIFEST-\d+|CURRENT|meshgate\.seal)$/.test(name),
  );
}

function copyAll(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of dataFiles(from)) {
    try {
      copyFileSync(join(from, name), join(to, name));
    } catch {} // Gone meanwhile.
  }
}

/** Makes a copy of a store, whose files are the same ones: LevelDB never changes a file that it did not make. */
export function copyShape(from: string, to: string): void {
  mkdirSync(to);
  for (const name of dataFiles(from)) linkSync(join(from, name), join(to, name));
  reseal(to);
}

/** Makes the seal tell the times that the files have now, so that they pass for unchanged. */
export function reseal(directory: string): void {
  const seal = readSeal(directory);
  if (seal === undefined) return;
  const files: Record<string, Seal["files"][string]> = {};
  for (const name of Object.keys(seal.files)) files[name] = stampOf(join(directory, name));
  writeSeal(directory, { ...seal, files });
}

/** The file that CURRENT names. */
export function manifestOf(directory: string): string {
  return readFileSync(join(directory, "CURRENT"), "latin1").trim();
}

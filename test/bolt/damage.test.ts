import { copyFile, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, type TestContext, test } from "vitest";
import { usePlaces } from "../helpers/places.ts";
import { isAllowed, type Outcome, randomBy, readAll, Victim } from "./damage.ts";
import { type FileSpec, useGenerator } from "./generator.ts";
import { type ByteKind, Layout } from "./layout.ts";
import { splitLines } from "./lines.ts";
import { findRealFile } from "./real-file.ts";

const SEED = Number(process.env["MESHGATE_SEED"] ?? Date.now() % 2 ** 32);
const SCALE = Number(process.env["MESHGATE_DAMAGES"] ?? 2000) / 2000;
const at = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
/** Made by go/main.go: `make tree-1024.bolt.db 13 1024 150 short` and `make tree-4096.bolt.db 7 4096 260 short`. */
const COMMITTED = ["tree-1024.bolt.db", "tree-4096.bolt.db"];
/** None of them has pages that bbolt leaked: the reader's documentation says what those take from its certainty. */
const SPECS: FileSpec[] = [
  { seed: 41, pageSize: 1024, operations: 200 },
  { seed: 42, pageSize: 1024, operations: 900, flags: "short" },
  { seed: 43, pageSize: 4096, operations: 600, flags: "short" },
  { seed: 44, pageSize: 1024, operations: 900, flags: "shrink" },
  { seed: 45, pageSize: 16384, operations: 300, flags: "short" },
];
const KINDS: ByteKind[] = [
  "key",
  "value",
  "sequence",
  "last size",
  "empty bucket's flag",
  "meta",
  "older meta",
];

const counts = new Map<string, { tried: number; right: number; refused: number; changed: number }>();

function count(kind: string, outcome: Outcome, whole: readonly string[]): void {
  const line = counts.get(kind) ?? { tried: 0, right: 0, refused: 0, changed: 0 };
  counts.set(kind, line);
  line.tried += 1;
  if ("error" in outcome) line.refused += 1;
  else if (outcome.lines.join("\n") === whole.join("\n")) line.right += 1;
  else line.changed += 1;
}

interface Subject {
  readonly path: string;
  readonly whole: readonly string[];
  readonly before: readonly string[] | undefined;
}

/** Damages a copy of a file so many times, mostly where the structure is, and checks each time what is read. */
async function damage({ path, whole, before }: Subject, copy: string, times: number, seed: number) {
  const bytes = await readFile(path);
  const layout = new Layout(bytes);
  expect(layout.lines, "the layout is of the same content").toBe(whole.length);
  await copyFile(path, copy);
  expect(await readAll(copy)).toEqual({ lines: whole, damagedMeta: undefined });
  const victim = new Victim(copy, bytes);
  const random = randomBy(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const structure = layout.positions();
  const others = KINDS.map((kind) => layout.positions(kind)).filter((positions) => positions.length > 0);
  for (let i = 0; i < times; i++) {
    const draw = random();
    if (draw < 0.1) {
      const size = below(bytes.length);
      const outcome = await victim.withSize(size);
      count("truncated", outcome, whole);
      if (!("error" in outcome)) expect(outcome.lines, `seed ${SEED}: ${size} bytes left`).toEqual(whole);
      continue;
    }
    const from =
      draw < 0.55 ? structure : draw < 0.8 ? (others[below(others.length)] as number[]) : undefined;
    const position = from === undefined ? below(bytes.length) : (from[below(from.length)] as number);
    const old = bytes[position] as number;
    const byte = random() < 0.5 ? old ^ (1 << below(8)) : (old + 1 + below(255)) % 256;
    const outcome = await victim.withByte(position, byte);
    const owner = layout.ownerOf(position);
    count(owner.kind, outcome, whole);
    const what = `seed ${SEED}: ${basename(path)}, byte ${position} (${owner.kind}) ${old} -> ${byte}`;
    expect(isAllowed(outcome, owner, whole, before), what).toBe(true);
  }
}

describe("of a file with one byte changed, or cut, the content is read in full or refused, but for what bbolt has no check of: a changed byte of a key, value, sequence, or size of a page's last row changes that row or bucket alone; that of an empty bucket's flag makes it a row; and that of the last meta gives the commit before, and says so", () => {
  const places = usePlaces();
  const generator = useGenerator();
  afterAll(() => {
    console.log(`Damages by what was hit (MESHGATE_SEED=${SEED}):`);
    console.table(Object.fromEntries(counts));
  });

  test.for(COMMITTED)("%s: a committed file", { timeout: 300_000 }, async (name) => {
    const [whole, before] = await Promise.all(
      [".txt", ".before.txt"].map(async (end) => splitLines(await readFile(at(name + end), "utf8"))),
    );
    const subject = { path: at(name), whole: whole as string[], before };
    await damage(subject, places.path(name), Math.ceil(450 * SCALE), SEED + COMMITTED.indexOf(name));
  });

  test.for(SPECS)(
    "seed $seed: a file that the real bbolt writes now",
    { timeout: 300_000 },
    async (spec, context) => {
      const made = await generator.make(context, spec);
      expect(made.lost).toBe(0);
      const subject = { path: made.path, whole: made.lines, before: made.before };
      await damage(subject, join(generator.directory, "copy.db"), Math.ceil(200 * SCALE), SEED + spec.seed);
    },
  );

  test("the real file of a control plane", { timeout: 300_000 }, async (context: TestContext) => {
    const path = findRealFile(context);
    const outcome = await readAll(path);
    if ("error" in outcome) throw outcome.error;
    const subject = { path, whole: outcome.lines, before: undefined };
    await damage(subject, places.path("real.db"), Math.ceil(200 * SCALE), SEED + 100);
  });
});

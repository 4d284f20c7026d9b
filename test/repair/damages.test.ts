import { cp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { repair } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { randomBy } from "../bolt/damage.ts";
import { usePlaces } from "../helpers/places.ts";
import { expectRepaired } from "./expect-repaired.ts";
import { notes, SHAPES, Stock, users } from "./stock.ts";

const DAMAGES = Number(process.env["MESHGATE_REPAIRS"] ?? 24);
const SEED = Number(process.env["MESHGATE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const places = usePlaces();
const DATA = /^(\d+\.(ldb|log)|CURRENT|MANIFEST-\d+)$/;

/** Damages a file of a directory. @returns what was done */
async function damage(directory: string, random: () => number): Promise<string> {
  const int = (below: number) => Math.floor(random() * below);
  const names = (await readdir(directory)).filter((name) => DATA.test(name)).sort();
  const name = names[int(names.length)] as string;
  const path = join(directory, name);
  const bytes = await readFile(path);
  const kind = int(6);
  if (kind === 0) {
    await rm(path);
    return `${name} gone`;
  }
  const at = int(bytes.length);
  if (kind === 1) {
    await truncate(path, at);
    return `${name} cut at ${at}`;
  }
  // Often one of the last bytes, where a table's index is.
  const place = kind === 2 ? bytes.length - 1 - int(Math.min(bytes.length, 400)) : at;
  bytes[place] = (bytes[place] ?? 0) ^ (1 << int(8));
  await writeFile(path, bytes);
  return `${name} changed at ${place}`;
}

describe.each(SHAPES)("a store whose files are %s", (shape) => {
  const count = Math.ceil(DAMAGES / SHAPES.length);
  test(`is repaired after each of ${count} damages, with nothing false, and what is lost is told`, {
    timeout: 30_000 + count * 5000,
  }, async () => {
    const random = randomBy(SEED);
    const original = places.path("original");
    const stock = new Stock(random);
    await stock.make(original, shape);
    let kept = 0;
    let lost = 0;
    for (let i = 0; i < count; i++) {
      const directory = places.path("store");
      await cp(original, directory, { recursive: true });
      const what = await damage(directory, random);
      const seed = `seed ${SEED}, ${shape} ${i}: ${what}`;
      // Nothing of a store may be left: its one table, or its one log, was all there was.
      const report = await repair(directory, { collections: [users, notes] }).catch((error) => {
        expect(error, seed).toMatchObject({ code: "STORE_DAMAGED", message: /Nothing of a store/ });
      });
      if (report !== undefined) {
        const { missing, old } = await expectRepaired(directory, report, stock.journal, seed);
        // Files tell of their writes themselves: without a manifest none is lost.
        if (/^(MANIFEST|CURRENT)/.test(what)) expect({ missing, old }, seed).toEqual({ missing: 0, old: 0 });
        if (missing + old > 0) lost++;
        else kept++;
        // Once more, there is nothing to do.
        expect(await repair(directory), seed).toMatchObject({ sound: true, rows: report.rows });
      }
      for (const name of await readdir(places.path()))
        if (name !== "original") await rm(places.path(name), { recursive: true });
    }
    expect(kept + lost).toBeGreaterThan(count / 2);
  });
});

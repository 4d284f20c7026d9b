import { readFile, writeFile } from "node:fs/promises";
import { DatabaseError, openBolt } from "@meshgate/database";
import { describe, expect, test } from "vitest";
import { randomBy } from "../../bolt/damage.ts";
import { Layout } from "../../bolt/layout.ts";
import { soon } from "../../helpers/places.ts";
import { useDatabases } from "../databases.ts";
import { allHeld, heldId, readRecord } from "./compare.ts";
import { expectedOf, type Fate } from "./expected.ts";
import { fixture } from "./go-files.ts";
import { rowsOf } from "./rows.ts";

const SEED = Number(process.env["MESHGATE_SEED"] ?? Date.now() % 2 ** 31);
const DAMAGES = Number(process.env["MESHGATE_DAMAGES"] ?? 200);
const FILE_MS = 20_000;

/** The rows at the top of known buckets that a file holds, by their names in the quarantine; undefined if unreadable. */
async function rowsIn(path: string): Promise<Map<string, string> | undefined> {
  const rows = new Map<string, string>();
  try {
    await using file = await openBolt(path);
    for await (const element of file.walk()) {
      if (element.kind !== "row" || element.path.length !== 1) continue;
      const bucket = Buffer.from(element.path[0] as Uint8Array).toString("latin1");
      rows.set(heldId(bucket, element.key), Buffer.from(element.value).toString("hex"));
    }
    return rows;
  } catch (error) {
    if (error instanceof DatabaseError) return undefined;
    throw error;
  }
}

describe(`a Go file with one byte changed, or cut (MESHGATE_SEED=${SEED})`, () => {
  const databases = useDatabases();

  test("is refused with a code, and nothing is written; or every row that it holds is accounted for", {
    timeout: 120_000,
  }, async () => {
    const { path, lines } = await fixture();
    const bytes = await readFile(path);
    const victim = databases.path("victim.db");
    const structure = new Layout(bytes).positions();
    const random = randomBy(SEED);
    const below = (limit: number) => Math.floor(random() * limit);
    const fates = expectedOf(lines, databases.clock.now()).fates;
    let untouched = await databases.open({ durability: "relaxed" }, "db-0");
    let before = await rowsOf(untouched);
    const counts = { refused: 0, imported: 0, "rows read": 0 };

    for (let i = 1; i <= DAMAGES; i++) {
      const damaged = Buffer.from(bytes);
      const draw = random();
      const at = draw < 0.4 ? (structure[below(structure.length)] as number) : below(bytes.length);
      damaged[at] = (damaged[at] as number) ^ (1 << below(8));
      const isCut = draw > 0.9;
      await writeFile(victim, isCut ? bytes.subarray(0, at) : damaged);
      const what = `damage ${i}: ${isCut ? "cut" : "changed"} at ${at}`;
      const rows = await rowsIn(victim);
      try {
        await soon(() => untouched.importGoFile(victim), FILE_MS, what);
      } catch (error) {
        expect(error, what).toBeInstanceOf(DatabaseError);
        expect((error as DatabaseError).code, what).toMatch(/^(BOLT_\w+|MIGRATION_NEWER)$/);
        expect(await rowsOf(untouched), what).toEqual(before);
        counts.refused++;
        continue;
      }
      expect(rows, `${what}: the reader refuses it`).toBeDefined();
      const held = new Map((await allHeld(untouched)).map((entry) => [entry.id, entry]));
      for (const fate of fates) {
        const id = heldId(fate.bucket, fate.line.key as Buffer);
        if (rows?.get(id) !== fate.line.value.toString("hex")) continue;
        counts["rows read"]++;
        await expectAccounted(fate, held.get(id)?.code, () => readRecord(untouched, fate), `${what}: ${id}`);
      }
      counts.imported++;
      await untouched.close();
      untouched = await databases.open({ durability: "relaxed" }, `db-${i}`);
      before = await rowsOf(untouched);
    }
    process.stdout.write(`Damages: ${JSON.stringify(counts)}\n`);
    expect(counts.refused).toBeGreaterThan(DAMAGES / 10);
    expect(counts.imported).toBeGreaterThan(DAMAGES / 10);
  });
});

/** A row whose bytes are whole may be held for the sake of another, which was damaged, and the other way round. */
async function expectAccounted(
  { code, record }: Fate,
  held: string | undefined,
  read: () => Promise<object | undefined>,
  what: string,
): Promise<void> {
  if (held !== undefined) {
    expect([code, "UNIQUE_VIOLATION", "REFERENCE_INVALID"], what).toContain(held);
    return;
  }
  expect(code, what).not.toBe("RECORD_INVALID");
  if (record !== undefined) expect(await read(), what).toBeDefined();
}

import { rmSync } from "node:fs";
import { DatabaseError, openStore } from "@meshgate/database";
import { beforeEach, describe, expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { type Damage, damageOne } from "./damages.ts";
import { randomFrom, rowsIn } from "./history.ts";
import { copyShape, makeShapes, type Shape } from "./shapes.ts";

const DAMAGES = Number(process.env["MESHGATE_DAMAGES"] ?? 150);
const SEED = Number(process.env["MESHGATE_SEED"] ?? Math.floor(Math.random() * 1e9));

const places = usePlaces();

type Outcome = "noticed" | "harmless" | "the end is gone";

/** Opens a damaged store and reads all of it. @throws where what it gives is false, or its error tells too little */
async function tryOut(directory: string, shape: Shape, damage: Damage): Promise<Outcome> {
  let commit: number;
  let rows: string;
  try {
    const verify = damage.isForged ? "always" : "changed";
    const store = await openStore(directory, { verify });
    try {
      commit = store.stats().commit;
      rows = await rowsIn(store);
    } finally {
      await store.close();
    }
  } catch (error) {
    expect(error).toBeInstanceOf(DatabaseError);
    const { code, details, message } = error as DatabaseError;
    expect(code, message).toBe("STORE_DAMAGED");
    expect(details?.["file"], message).toEqual(expect.any(String));
    expect(message).toContain(details?.["file"]);
    expect(damage.isHarmless, message).toBe(false);
    return "noticed";
  }
  if (!damage.mayEnd) expect(commit).toBe(shape.last);
  expect(commit).toBeLessThanOrEqual(shape.last);
  expect(rows === shape.history.at(commit), `the rows of commit ${commit}`).toBe(true);
  return commit === shape.last ? "harmless" : "the end is gone";
}

describe("a store with one damage", () => {
  let shapes: Shape[];

  beforeEach(async () => {
    shapes = await makeShapes(places.path());
  }, 60_000);

  test("is refused, or has every row as it was", { timeout: 60_000 + DAMAGES * 400 }, async () => {
    const counts: Record<string, number> = {};
    for (let n = 0; n < DAMAGES; n++) {
      const random = randomFrom(SEED + n);
      const shape = shapes[n % shapes.length] as Shape;
      const directory = places.path(`damaged-${n}`);
      copyShape(shape.directory, directory);
      const damage = damageOne(directory, shape, random);
      const title = `MESHGATE_SEED=${SEED} damage ${n}: ${shape.name}, ${damage.what}`;
      const outcome = await tryOut(directory, shape, damage).catch((error) => {
        throw new Error(`${title}\n${error.message}`, { cause: error });
      });
      counts[outcome] = (counts[outcome] ?? 0) + 1;
      rmSync(directory, { recursive: true });
    }
    console.log(`damages (MESHGATE_SEED=${SEED}):`, counts);
    expect(counts["noticed"]).toBeGreaterThan(DAMAGES / 3);
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, type Store, verifyBackup } from "@meshgate/database";
import { expect, test } from "vitest";
import { randomBy } from "../../bolt/damage.ts";
import { usePlaces } from "../../helpers/places.ts";
import { dump, expectSound } from "../../helpers/stores.ts";
import { dumpOf, Load, type Model, VERSIONS } from "./load.ts";

const BACKUPS = Number(process.env["MESHGATE_BACKUPS"] ?? 12);
const SEED = Number(process.env["MESHGATE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const places = usePlaces();

/** Expects that a copy holds what the model does, and that its indexes fit its records. */
async function expectCopy(copy: Store, model: Model, seed: string): Promise<void> {
  const { users: _, ...buckets } = await dump(copy);
  const own = Object.fromEntries(Object.entries(buckets).filter(([name]) => !name.startsWith("idx_")));
  expect(own, seed).toEqual(dumpOf(model.root));
  for (const version of VERSIONS) {
    const report = await version.verify(copy).catch((error) => {
      // The store had other indexes then, those of another version.
      if (error instanceof DatabaseError && error.code === "COLLECTION_CHANGED") return undefined;
      throw error;
    });
    if (report === undefined) continue;
    expect(report, seed).toMatchObject({ ok: true, records: model.users.size });
    const records = await copy.view((tx) => version.in(tx).range().toArray());
    expect(records, seed).toEqual(Array.from(model.users.values()).sort((a, b) => a.id - b.id));
    return;
  }
  expect(model.users.size, seed).toBe(0);
}

test(`${BACKUPS} backups under load are the store at their commits`, {
  timeout: 20_000 + BACKUPS * 10_000,
}, async () => {
  const random = randomBy(SEED);
  const store = await places.open(places.path("store"), { durability: "relaxed" });
  const load = new Load(store, random);
  const running = load.run();
  places.later(() => load.stop());
  const commits = new Set<number>();
  try {
    await sleep(100);
    for (let i = 0; i < BACKUPS; i++) {
      const path = places.path(`copy-${i}`);
      const report = await store.backup(path, i % 3 === 0 ? { bytesPerSecond: 1 << 20 } : {});
      commits.add(report.commit);
      expect(await verifyBackup(path)).toMatchObject(report);
      // Opened to write, it would reclaim what is left of deleted buckets, and commit that.
      const copy = await places.open(path, { readOnly: true });
      expect(copy.stats().commit).toBe(report.commit);
      await expectSound(copy);
      await expectCopy(copy, load.at(report.commit), `seed ${SEED}, backup ${i}`);
      await copy.close();
      expect(await verifyBackup(path)).toMatchObject(report);
    }
  } finally {
    load.stop();
    await running;
  }
  expect(commits.size).toBe(BACKUPS);
  expect(load.builds).toBeGreaterThan(BACKUPS);
});

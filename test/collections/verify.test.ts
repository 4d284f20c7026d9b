import {
  collection,
  type ProblemKind,
  type Progress,
  type Store,
  type VerifyReport,
} from "@meshgate/database";
import type { AbstractSublevel } from "abstract-level";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { soon, usePlaces } from "../helpers/places.ts";
import { expectRefused, expectSound } from "../helpers/stores.ts";

const places = usePlaces();

const users = collection({
  name: "users",
  schema: z.object({
    id: z.string(),
    email: z.string(),
    role: z.string(),
    tags: z.array(z.string()).optional(),
    at: z.date().optional(),
  }),
  key: "id",
  indexes: {
    email: { on: "email", unique: true },
    mail: { on: ["email", "role"], unique: true, include: ["at"] },
    role: { on: "role", include: ["email", "at"] },
    tag: { on: "tags", multiEntry: "tags" },
    at: { on: ["at", "role"], include: "record" },
  },
});

type User = Parameters<ReturnType<typeof users.in>["insert"]>[0];
const INDEXES = ["at", "email", "mail", "role", "tag"];
const at = (n: number) => new Date(n * 1000);
const user = (id: string, n: number): User => ({
  id,
  email: `e${n}`,
  role: "r",
  tags: ["x", id],
  at: at(n),
});

type Sublevel = AbstractSublevel<ClassicLevel<string, string>, string | Buffer | Uint8Array, string, string>;

/** The sublevels as another program opens them. */
interface Raw {
  readonly records: Sublevel;
  index(name: string): Sublevel;
}

/** Writes three users, and lets another program meddle with the closed store. */
async function damaged(meddle: (raw: Raw) => unknown, inputs = ["a", "b", "c"].map(user)): Promise<Store> {
  const directory = places.path("store");
  const store = await places.open(directory, { durability: "relaxed" });
  await store.update((tx) => users.in(tx).insertMany(inputs));
  expect(await users.verify(store)).toMatchObject({ ok: true, problems: [] });
  await store.close();
  const level = new ClassicLevel<string, string>(directory);
  await level.open();
  await meddle({
    records: level.sublevel("users"),
    index: (name) => level.sublevel(`idx_users_by_${name}`),
  });
  await level.close();
  return places.open(directory, { durability: "relaxed" });
}

interface Finding {
  readonly kind: ProblemKind;
  readonly index: string | undefined;
  readonly key: unknown;
}

const found = (report: VerifyReport): Finding[] =>
  report.problems.map(({ kind, index, key }) => ({ kind, index, key })).sort(byIndex);
const byIndex = (a: Finding, b: Finding) =>
  JSON.stringify(spelled(a)).localeCompare(JSON.stringify(spelled(b)));
const spelled = ({ kind, index, key }: Finding) => [kind, index ?? "", key];
const expectFindings = (report: VerifyReport, findings: readonly Finding[]) => {
  expect(found(report)).toEqual([...findings].sort(byIndex));
  expect(report).toMatchObject({ ok: false, problemCount: findings.length });
};

/** Expects these findings, all of which reindex() mends. */
async function expectMendable(store: Store, findings: readonly Finding[]): Promise<void> {
  const seen = await users.verify(store);
  expectFindings(seen, findings);
  expect(seen.mended).toBe(0);
  expect(seen.problems.some(({ mended }) => mended)).toBe(false);
  const mended = await users.reindex(store);
  expect(found(mended)).toEqual(found(seen));
  expect(mended).toMatchObject({ ok: true, problemCount: findings.length, mended: findings.length });
  expect(mended.problems.every(({ mended: is }) => is)).toBe(true);
  expect(await users.verify(store)).toMatchObject({ ok: true, problems: [], problemCount: 0, mended: 0 });
  await expectSound(store);
}

describe("verify() reports, and reindex() mends", () => {
  test("nothing in a collection that nobody meddled with", async () => {
    const store = await damaged(() => undefined);
    const report = await users.verify(store);
    const sound = { ok: true, records: 3, entries: 3 * 4 + 6, problems: [], problemCount: 0, mended: 0 };
    expect(report).toEqual(sound);
    expect(await users.reindex(store)).toEqual(sound);
  });

  test("a missing entry, of each kind of index", async () => {
    const store = await damaged(async ({ index }) => {
      await index("email").del("KJe0!");
      await index("mail").del('KJe0"Jr!');
      await index("role").del('KJr"Ja!');
      await index("tag").del('KJx"Ja!');
      for (const key of await index("at").keys({ limit: 1 }).all()) await index("at").del(key);
    });
    await expectMendable(
      store,
      INDEXES.map((index) => ({ kind: "missing", index, key: "a" })),
    );
  });

  test("a stale entry: one that its record does not have any more", async () => {
    const store = await damaged(async ({ index }) => {
      await index("email").put("KJold!", "Ja");
      await index("mail").put('KJold"Jr!', '{"id":"a","at":"1970-01-01T00:00:00.000Z"}');
      await index("role").put('KJold"Ja!', '{"email":"e0"}');
      await index("tag").put('KJold"Ja!', "");
      await index("at").put('KA"Jr"Ja!', "{}");
    });
    await expectMendable(
      store,
      INDEXES.map((index) => ({ kind: "stale", index, key: "a" })),
    );
  });

  test("a stale entry: one that carries what its record does not have", async () => {
    const store = await damaged(async ({ index, records }) => {
      await index("role").put('KJr"Ja!', '{"email":"other","at":"1970-01-01T00:00:00.000Z"}');
      await index("mail").put('KJe1"Jr!', '{"id":"b","at":"1970-01-01T00:00:00.000Z"}');
      await index("tag").put('KJx"Jc!', "more");
      const [key] = await index("at").keys({ limit: 1 }).all();
      await index("at").put(key as string, `${await records.get("Ja")} `);
    });
    await expectMendable(store, [
      { kind: "stale", index: "role", key: "a" },
      { kind: "stale", index: "mail", key: "b" },
      { kind: "stale", index: "tag", key: "c" },
      { kind: "stale", index: "at", key: "a" },
    ]);
  });

  test("dangling entries: those of a record that is gone", async () => {
    const store = await damaged(({ records }) => records.del("Ja"));
    const report = await users.verify(store);
    expect(report.problems.map(({ key }) => key)).toEqual(expect.arrayContaining(["KJe0!", 'KJr"Ja!']));
    const findings = report.problems.map(({ index, key }) => ({ kind: "dangling", index, key }) as const);
    expect(findings.map(({ index }) => index).sort()).toEqual([...INDEXES, "tag"].sort());
    await expectMendable(store, findings);
    expect(await store.view((tx) => users.in(tx).by("role").keys().toArray())).toEqual(["b", "c"]);
  });

  test("entries that are none at all", async () => {
    const store = await damaged(async ({ index }) => {
      await index("email").put("KJgarbage!", "}{");
      await index("email").put("no key", "Ja");
      await index("mail").put('KJgarbage"Jr!', "not JSON");
      await index("role").put("KJr!", "");
      await index("tag").put("J", "");
      await index("tag").put('KJx"Ja"Jb!', "");
    });
    const { problems } = await users.verify(store);
    expect(problems).toHaveLength(6);
    for (const { kind } of problems) expect(["dangling", "stale"]).toContain(kind);
    expect(await users.reindex(store)).toMatchObject({ ok: true, mended: 6 });
    expect(await users.verify(store)).toMatchObject({ ok: true, problemCount: 0 });
    await expectSound(store);
  });

  test("a unique entry that points elsewhere: to a record without the value, to none, to nonsense", async () => {
    const store = await damaged(async ({ index }) => {
      await index("email").put("KJe0!", "Jb");
      await index("email").put("KJe1!", "Jnobody");
      await index("email").put("KJe2!", "?");
    });
    // verify() meets both the record without its entry and the entry without its record.
    const missing = ["a", "b", "c"].map((key) => ({ kind: "missing", index: "email", key }) as const);
    const dangling = ["KJe1!", "KJe2!"].map((key) => ({ kind: "dangling", index: "email", key }) as const);
    const stale = { kind: "stale", index: "email", key: "b" } as const;
    expectFindings(await users.verify(store), [...missing, ...dangling, stale]);
    const mended = await users.reindex(store);
    expect(found(mended)).toEqual(missing);
    expect(mended).toMatchObject({ ok: true, mended: 3 });
    expect(await users.verify(store)).toMatchObject({ ok: true, problems: [] });
    const owners = await store.view((tx) => users.in(tx).by("email").keys().toArray());
    expect(owners).toEqual(["a", "b", "c"]);
  });
});

describe("what only the caller can mend", () => {
  test("two records with one unique value, the entry with one of them", async () => {
    const store = await damaged(({ records }) =>
      records.put("Jb", '{"id":"b","email":"e0","role":"other","at":"1970-01-01T00:00:01.000Z"}'),
    );
    const duplicate = { kind: "duplicate", index: "email", key: "b" } as const;
    expect(found(await users.verify(store))).toContainEqual(duplicate);
    const report = await users.reindex(store);
    expect(report).toMatchObject({ ok: false, mended: report.problemCount - 1 });
    expectFindings(await users.verify(store), [duplicate]);
    await store.update((tx) => users.in(tx).update("b", { email: "free" }));
    expect(await users.verify(store)).toMatchObject({ ok: true, problems: [] });
  });

  test.each(["a", "b"])(
    "two records with one unique value and no entry, the caller deletes %s",
    async (id) => {
      const store = await damaged(async ({ records, index }) => {
        const text = (await records.get("Ja")) as unknown as string;
        await records.put("Jb", text.replace('"id":"a"', '"id":"b"').replace('"r"', '"s"'));
        await index("email").del("KJe0!");
        await index("email").del("KJe1!");
      });
      const report = await users.reindex(store);
      expect(report.ok).toBe(false);
      expect(report.problems).toContainEqual(
        expect.objectContaining({ kind: "duplicate", index: "email", mended: false }),
      );
      const again = await users.verify(store);
      expect(again.problems).toMatchObject([{ kind: "duplicate", index: "email" }]);
      await store.update((tx) => users.in(tx).delete(id));
      // Where the one with the entry went, the other has yet to get it.
      expect(await users.reindex(store)).toMatchObject({ ok: true });
      expect(await users.verify(store)).toMatchObject({ ok: true, problems: [] });
      const holder = await store.view((tx) => users.in(tx).by("email").get("e0"));
      expect(holder).toMatchObject({ id: id === "a" ? "b" : "a" });
    },
  );

  test("a record that does not fit the schema", async () => {
    const store = await damaged(({ records }) =>
      records.put("Ja", '{"id":"a","email":"e0","role":5,"tags":["x","a"],"at":"1970-01-01T00:00:00.000Z"}'),
    );
    const report = await users.reindex(store);
    const invalid = { kind: "invalid", index: undefined, key: "a" } as const;
    expect(report.ok).toBe(false);
    expectFindings(await users.verify(store), [invalid]);
    expect(report.problems.find(({ kind }) => kind === "invalid")?.message).toContain("role");
    await store.update((tx) => users.in(tx).update("a", { role: "r" }));
    expect(await users.verify(store)).toMatchObject({ ok: true, problems: [] });
  });

  test("a record that cannot be indexed", async () => {
    const store = await damaged(({ records }) =>
      records.put("Ja", '{"id":"a","email":{"not":"text"},"role":"r","tags":"x"}'),
    );
    const report = await users.reindex(store);
    const findings = report.problems.filter(({ kind }) => kind === "invalid");
    expect(findings.map(({ index, key }) => [index, key]).sort()).toEqual(
      [
        [undefined, "a"],
        ["email", "a"],
        ["mail", "a"],
        ["tag", "a"],
      ].sort(),
    );
    expect(await users.verify(store)).toMatchObject({ ok: false, problemCount: 4 });
    await store.update((tx) => users.in(tx).delete("a"));
    expect(await users.verify(store)).toMatchObject({ ok: true, records: 2, problems: [] });
  });

  test.each(["{not json", "", "5", "null", '"text"'])("a record that reads %j", async (text) => {
    const store = await damaged(({ records }) => records.put("Ja", text));
    const report = await users.reindex(store);
    expect(report.ok).toBe(false);
    expectFindings(await users.verify(store), [{ kind: "unreadable", index: undefined, key: "a" }]);
    await expectRefused("DATA_CORRUPT", () => store.view((tx) => users.in(tx).get("a")), "verify()");
    await store.update((tx) => users.in(tx).put(user("a", 0)));
    expect(await users.verify(store)).toMatchObject({ ok: true, records: 3, problems: [] });
    await store.update((tx) => users.in(tx).delete("a"));
  });

  test("a record that cannot be read can be deleted", async () => {
    const store = await damaged(({ records }) => records.put("Ja", "{not json"));
    await users.reindex(store);
    expect(await store.update((tx) => users.in(tx).delete("a"))).toBe(true);
    expect(await users.verify(store)).toMatchObject({ ok: true, records: 2, problems: [] });
  });

  test("a record under another key than its own", async () => {
    const store = await damaged(async ({ records }) => {
      const text = '{"id":"own","email":"m","role":"r","at":"1970-01-01T00:00:09.000Z"}';
      await records.put("Jother", text);
    });
    const report = await users.reindex(store);
    expect(report.problems).toContainEqual(
      expect.objectContaining({ kind: "misplaced", index: undefined, key: "other", mended: false }),
    );
    expect((await users.verify(store)).problems).toMatchObject([{ kind: "misplaced", key: "other" }]);
    await store.update((tx) => users.in(tx).delete("other"));
    expect(await users.verify(store)).toMatchObject({ ok: true, problems: [] });
  });

  test.each(["no key", "KJt!", "F", "Jx\u0000"])("a row under %j does not stop it", async (key) => {
    const store = await damaged(async ({ records, index }) => {
      await records.put(key, '{"id":"z","email":"z","role":"r"}');
      await index("email").del("KJe0!");
    });
    const report = await users.verify(store);
    expect(report.records).toBe(4);
    expect(report.problems).toContainEqual(expect.objectContaining({ kind: "misplaced", index: undefined }));
    expect(report.problems).toContainEqual(
      expect.objectContaining({ kind: "missing", index: "email", key: "a" }),
    );
    expect(await users.reindex(store)).toMatchObject({ ok: false });
    expect((await users.verify(store)).problems.map(({ kind }) => kind)).toEqual(["misplaced"]);
  });
});

describe("long work", () => {
  const many = Array.from({ length: 1500 }, (_, n) => user(`u${String(n).padStart(5, "0")}`, n));
  const rows = 1500 * 6 + 1500;

  test("tells its progress in rows, and ends where all are seen", async () => {
    const store = await damaged(() => undefined, many);
    const seen: Progress[] = [];
    const report = await users.verify(store, { onProgress: (progress) => seen.push(progress) });
    expect(report).toMatchObject({ ok: true, records: 1500, entries: rows - 1500 });
    expect(seen.length).toBeGreaterThan(rows / 512);
    expect(seen.at(-1)).toEqual({ done: rows, total: rows });
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
  });

  test("reports the first hundred problems, and counts the rest", async () => {
    const store = await damaged(async ({ index }) => {
      const keys = await index("tag").keys({ limit: 400 }).all();
      await index("tag").batch(keys.map((key) => ({ type: "del", key })));
    }, many);
    const report = await users.verify(store);
    expect(report).toMatchObject({ ok: false, problemCount: 400 });
    expect(report.problems).toHaveLength(100);
    expect(await users.reindex(store)).toMatchObject({ ok: true, problemCount: 400, mended: 400 });
    expect(await users.verify(store)).toMatchObject({ ok: true, problemCount: 0 });
  });

  test("is cancelled between two slices; what was mended stays mended", async () => {
    const store = await damaged(({ index }) => index("email").del("KJe0!"), many);
    for (const work of ["verify", "reindex"] as const) {
      const controller = new AbortController();
      let steps = 0;
      const onProgress = () => {
        if (++steps === 2) controller.abort();
      };
      await expectRefused("ABORTED", () => users[work](store, { signal: controller.signal, onProgress }));
      expect(steps).toBe(2);
      await expectRefused("ABORTED", () => users[work](store, { signal: AbortSignal.abort() }));
    }
    expect(await users.verify(store)).toMatchObject({ ok: true, problems: [] });
    await expectRefused(
      "OPTION_INVALID",
      () => users.verify(store, { onprogress: 1 } as never),
      "onprogress",
    );
    await expectRefused("OPTION_INVALID", () => users.reindex(store, { signal: 1 } as never), "signal");
  });

  test("goes on beside writers, and finds nothing wrong that is not", async () => {
    const store = await damaged(() => undefined, many);
    let over = false;
    const writing = (async () => {
      for (let n = 0; !over; n++) {
        await store.update(async (tx) => {
          const records = users.in(tx);
          for (let i = 0; i < 20; i++) {
            const id = `u${String((n * 7919 + i * 37) % 2000).padStart(5, "0")}`;
            if (i % 3 === 0) await records.delete(id);
            else await records.put({ ...user(id, n % 50), email: `${id}-${n % 3}`, role: `r${n % 7}` });
          }
        });
      }
    })();
    try {
      for (let round = 0; round < 4; round++) {
        expect(await users.verify(store)).toMatchObject({ ok: true, problems: [] });
        expect(await users.reindex(store)).toMatchObject({ ok: true, problemCount: 0 });
      }
    } finally {
      over = true;
      await writing;
    }
    await expectSound(store);
  });

  test.each(["verify", "reindex"] as const)("%s() ends beside a writer that appends", async (work) => {
    const store = await damaged(() => undefined, many);
    let over = false;
    const writing = (async () => {
      for (let n = 1500; !over; n += 20)
        await store.update((tx) =>
          users.in(tx).insertMany(Array.from({ length: 20 }, (_, i) => user(`v${n + i + 1e6}`, n + i))),
        );
    })();
    try {
      const report = await soon(() => users[work](store), 20_000, `${work}()`);
      expect(report).toMatchObject({ ok: true, problems: [] });
      expect(report.records).toBeGreaterThanOrEqual(1500);
    } finally {
      over = true;
      await writing;
    }
  });

  test("of a collection that the store does not have finds nothing", async () => {
    const store = await places.open(places.path("empty"));
    const nothing = { ok: true, records: 0, entries: 0, problems: [], problemCount: 0, mended: 0 };
    expect(await users.verify(store)).toEqual(nothing);
    expect(await users.reindex(store)).toEqual(nothing);
    expect(await store.view((tx) => tx.buckets())).toEqual([]);
  });
});

import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pruneAudit } from "../../../src/control-plane/audit/audit-retention.ts";
import type { AuditReport } from "../../../src/control-plane/audit/audit-verify.ts";
import type { Checkpoint } from "../../../src/control-plane/audit/checkpoints.ts";
import { storeRunner } from "../../../src/control-plane/common/scope.ts";
import { Clock, MINUTE } from "../databases.ts";
import { Random } from "./audit-random.ts";
import {
  chainOf,
  entriesOf,
  headOf,
  linked,
  openRaw,
  placed,
  type RawChain,
  type RawDatabase,
  type RawEntry,
  type RawHead,
  rehash,
} from "./audit-raw.ts";

const T = "tenant-a";
const ENTRIES = 36;
const PRUNED = 11;
const ROUNDS = 40;
const SEED = Number(process.env["MESHGATE_SEED"] ?? 20_260_310);

/** What an alteration starts from: copies, to be changed freely. */
interface Subject {
  readonly entries: RawEntry[];
  readonly head: RawHead;
  readonly random: Random;
  /** The sequence of a checkpoint: what happens behind it, it cannot tell. */
  readonly signed: number;
  /** An entry of another tenant. */
  readonly foreign: RawEntry;
}

interface Alteration {
  /** Whether it makes a chain that is right in itself, which a checkpoint alone can tell. */
  readonly consistent?: true;
  readonly make: (subject: Subject) => RawChain;
}

const keep = ({ entries, head }: Subject): RawChain => chainOf(T, entries, head);

/** Puts rows where the entries are not. */
function withRow(chain: RawChain, key: string, text: string): RawChain {
  return { rows: new Map([...chain.rows, [key, text]]), head: chain.head };
}

/** An entry that was never written, with the hash that it should have behind another. */
function forged({ entries, head, random }: Subject, at: number): RawEntry {
  const previous = entries[at - 1]?.hash ?? head.anchorHash;
  const entry = { ...(random.pick(entries) as RawEntry), id: `forged-${random.below(1e9)}` };
  const numbered = { ...entry, sequence: head.anchorSequence + at + 1 };
  return { ...numbered, hash: rehash(previous, numbered) };
}

/** Makes the chain anew from some entry at or before the checkpoint on. */
function remade(subject: Subject, change: (entry: RawEntry) => RawEntry): RawChain {
  const { entries, head, random, signed } = subject;
  const at = random.below(signed - head.anchorSequence);
  entries[at] = change(entries[at] as RawEntry);
  const anew = linked(entries, head);
  return chainOf(T, anew.entries, anew.head);
}

/** Each kind of change, as an intruder would make it on the rows. */
const ALTERATIONS: Readonly<Record<string, Alteration>> = {
  "edit a field": {
    make: (subject) => {
      const { entries, random } = subject;
      const at = random.below(entries.length);
      entries[at] = random.changed(entries[at] as RawEntry);
      return keep(subject);
    },
  },
  "edit a field, with the entry's own hash made anew": {
    make: (subject) => {
      const { entries, head, random } = subject;
      const at = random.below(entries.length);
      const { hash: _, ...rest } = entries[at] as RawEntry;
      const changed = random.changed(rest) as RawEntry;
      entries[at] = { ...changed, hash: rehash(entries[at - 1]?.hash ?? head.anchorHash, changed) };
      return keep(subject);
    },
  },
  "damage the text": {
    make: (subject) => {
      const { entries, head, random } = subject;
      const chain = keep(subject);
      const key = placed(T, head.anchorSequence + 1 + random.below(entries.length));
      const text = chain.rows.get(key) as string;
      const damaged = ["", "null", "[]", "7", text.slice(0, -1), `${"[".repeat(1e4)}${"]".repeat(1e4)}`];
      chain.rows.set(key, random.pick(damaged));
      return chain;
    },
  },
  "drop an entry": {
    make: (subject) => {
      const chain = keep(subject);
      chain.rows.delete(subject.random.pick(Array.from(chain.rows.keys())));
      return chain;
    },
  },
  "drop an entry, and number the rest anew": {
    make: ({ entries, head, random }) => {
      entries.splice(random.below(entries.length), 1);
      const from = head.anchorSequence + 1;
      const isHeadTold = random.below(2) === 0;
      return chainOf(
        T,
        entries.map((entry, i) => ({ ...entry, sequence: from + i })),
        isHeadTold ? { ...head, sequence: head.sequence - 1 } : head,
      );
    },
  },
  "insert an entry, and number the rest anew": {
    make: (subject) => {
      const { entries, head, random } = subject;
      const at = random.below(entries.length);
      const entry = forged(subject, at);
      entries.splice(at, 0, random.below(2) === 0 ? entry : { ...entry, hash: random.hex(64) });
      const from = head.anchorSequence + 1;
      const numbered = entries.map((each, i) => ({ ...each, sequence: from + i }));
      const isHeadTold = random.below(2) === 0;
      return chainOf(T, numbered, isHeadTold ? { ...head, sequence: head.sequence + 1 } : head);
    },
  },
  "insert an entry behind the last": {
    make: (subject) => {
      const { entries, head, random } = subject;
      const entry = forged(subject, entries.length);
      const at = head.sequence + 1 + random.below(3);
      return withRow(keep(subject), placed(T, at), JSON.stringify(entry));
    },
  },
  "insert a row under a key of no entry": {
    make: (subject) => {
      const { entries, head, random } = subject;
      const text = JSON.stringify(random.pick(entries));
      const within = head.anchorSequence + 1 + random.below(entries.length);
      const keys = [
        placed(T, within + 0.5),
        placed(T, within, 1),
        placed(T, String(within)),
        placed(T, -within),
        placed(T, 0),
        placed(T),
        placed(T, null),
        placed(T, new Date(0)),
        placed(T, Number.MAX_SAFE_INTEGER),
        `${placed(T).slice(0, -1)}"no key!`,
        ...(head.anchorSequence === 0 ? [] : [placed(T, 1 + random.below(head.anchorSequence))]),
      ];
      return withRow(keep(subject), random.pick(keys), text);
    },
  },
  "move an entry to another key": {
    make: (subject) => {
      const { head, random } = subject;
      const chain = keep(subject);
      const key = random.pick(Array.from(chain.rows.keys()));
      const text = chain.rows.get(key) as string;
      chain.rows.delete(key);
      const to = random.pick([0, 0.5, -1, head.sequence + 1, head.sequence + 2]);
      return withRow(chain, placed(T, to), text);
    },
  },
  "swap two entries": {
    make: (subject) => {
      const { entries, random } = subject;
      const [a, b] = random.two(entries.length);
      [entries[a], entries[b]] = [entries[b] as RawEntry, entries[a] as RawEntry];
      return keep(subject);
    },
  },
  "swap what two entries say": {
    make: (subject) => {
      const { entries, random } = subject;
      const [a, b] = random.two(entries.length);
      const [first, second] = [entries[a] as RawEntry, entries[b] as RawEntry];
      const isHashKept = random.below(2) === 0;
      const put = (from: RawEntry, to: RawEntry) => ({
        ...from,
        sequence: to.sequence,
        hash: isHashKept ? to.hash : from.hash,
      });
      entries[a] = put(second, first);
      entries[b] = put(first, second);
      return keep(subject);
    },
  },
  "reorder some entries": {
    make: (subject) => {
      const { entries, random } = subject;
      const [a, b] = random.two(entries.length);
      const [from, to] = [Math.min(a, b), Math.max(a, b) + 1];
      const part = entries.slice(from, to);
      // Turned by one or more, none stays where it was.
      const by = 1 + random.below(part.length - 1);
      entries.splice(from, part.length, ...part.slice(by), ...part.slice(0, by));
      return keep(subject);
    },
  },
  "copy an entry over another": {
    make: (subject) => {
      const { entries, random } = subject;
      const [a, b] = random.two(entries.length);
      entries[a] = entries[b] as RawEntry;
      return keep(subject);
    },
  },
  "put another tenant's entry in place of one": {
    make: (subject) => {
      const { entries, random, foreign } = subject;
      const at = random.below(entries.length);
      const { sequence, hash } = entries[at] as RawEntry;
      const isDisguised = random.below(2) === 0;
      entries[at] = isDisguised ? { ...foreign, tenantId: T, sequence, hash } : { ...foreign, sequence };
      return keep(subject);
    },
  },
  "cut the end off": {
    make: (subject) => {
      const { entries, random } = subject;
      entries.length = random.below(entries.length);
      return keep(subject);
    },
  },
  "edit the head": {
    make: (subject) => {
      const chain = keep(subject);
      const { head, random } = subject;
      const damaged = ["", "null", "[]", "{}", chain.head?.slice(1)];
      const isDamaged = random.below(6) === 0;
      chain.head = isDamaged ? random.pick(damaged) : JSON.stringify(random.changed(head));
      return chain;
    },
  },
  "set the head back, or ahead": {
    make: (subject) => {
      const { entries, head, random } = subject;
      const at = random.below(entries.length);
      const { hash } = entries[at] as RawEntry;
      const sequence = head.anchorSequence + 1 + at;
      const isBack = random.below(2) === 0 && sequence < head.sequence;
      const changed = isBack ? { sequence, hash } : { sequence: head.sequence + 1 + random.below(9) };
      return { rows: keep(subject).rows, head: JSON.stringify({ ...head, ...changed }) };
    },
  },
  "delete the head": { make: (subject) => ({ rows: keep(subject).rows, head: undefined }) },
  "edit the anchor": {
    make: (subject) => {
      const { entries, head, random } = subject;
      const at = random.below(entries.length);
      const { sequence, hash } = entries[at] as RawEntry;
      const anchors = [
        { anchorSequence: sequence },
        { anchorHash: random.hex(64) },
        { anchorSequence: sequence, anchorHash: hash },
        { anchorSequence: head.sequence, anchorHash: head.hash },
        { anchorSequence: head.sequence + 1 },
        ...(head.anchorSequence === 0
          ? []
          : [{ anchorSequence: 0 }, { anchorSequence: head.anchorSequence - 1 }]),
      ];
      return { rows: keep(subject).rows, head: JSON.stringify({ ...head, ...random.pick(anchors) }) };
    },
  },
  "cut the end off, and write the head anew": {
    consistent: true,
    make: ({ entries, head, random, signed }) => {
      entries.length = random.below(signed - head.anchorSequence);
      const anew = linked(entries, head);
      return chainOf(T, anew.entries, anew.head);
    },
  },
  "cut the end off, and append others up to the same length": {
    consistent: true,
    make: ({ entries, head, random, signed }) => {
      const at = random.below(signed - head.anchorSequence);
      const others = entries.slice(at).map((entry) => ({ ...entry, id: `other-${random.below(1e9)}` }));
      const anew = linked([...entries.slice(0, at), ...others], head);
      return chainOf(T, anew.entries, anew.head);
    },
  },
  "edit a field, and make the chain anew from there": {
    consistent: true,
    make: (subject) => remade(subject, (entry) => subject.random.changedWithin(entry)),
  },
  "drop an entry, and make the chain anew from there": {
    consistent: true,
    make: ({ entries, head, random, signed }) => {
      entries.splice(random.below(signed - head.anchorSequence), 1);
      const anew = linked(entries, head);
      return chainOf(T, anew.entries, anew.head);
    },
  },
  "insert an entry, and make the chain anew from there": {
    consistent: true,
    make: (subject) => {
      const { entries, head, random, signed } = subject;
      const at = random.below(signed - head.anchorSequence);
      entries.splice(at, 0, forged(subject, at));
      const anew = linked(entries, head);
      return chainOf(T, anew.entries, anew.head);
    },
  },
  "remove all": {
    consistent: true,
    make: () => ({ rows: new Map(), head: undefined }),
  },
};

describe.each([
  ["whole", false],
  ["pruned", true],
])("alterations of a chain that is %s", (_, isPruned) => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const clock = new Clock();
  let raw: RawDatabase;
  let sound: RawChain;
  let foreign: RawEntry;
  let checkpoint: Checkpoint;

  beforeAll(async () => {
    raw = await openRaw(clock);
    for (const tenantId of [T, "tenant-b"]) {
      await raw.db.saveTenant({ id: tenantId, name: tenantId });
      const { audit } = raw.db.tenant(tenantId);
      for (let i = 0; i < ENTRIES; i++) {
        clock.advance(MINUTE);
        await audit.append(entryOf(i));
        // A third of the chain lies behind the checkpoint.
        if (tenantId === T && i === Math.floor((ENTRIES * 2) / 3))
          checkpoint = await audit.checkpoint(privateKey);
      }
    }
    const first = (await raw.db.tenant(T).audit.list({ oldestFirst: true, size: PRUNED + 1 })).records.at(-1);
    if (isPruned) await pruneAudit(storeRunner(raw.db.store), T, first?.timestamp as Date);
    sound = await raw.read(T);
    foreign = entriesOf(await raw.read("tenant-b"))[7] as RawEntry;
    expect(sound.rows.size).toBe(isPruned ? ENTRIES - PRUNED : ENTRIES);
  });

  afterAll(() => raw.db.close());

  const verify = (checkpoints: Checkpoint[]): Promise<AuditReport> =>
    raw.db.tenant(T).audit.verify({ checkpoints, publicKey });

  test(`none of ${ROUNDS} of each of ${Object.keys(ALTERATIONS).length} kinds goes undetected`, async () => {
    const random = new Random(SEED);
    const undetected: string[] = [];
    const told: Record<string, Record<string, number>> = {};
    let made = 0;
    expect(await verify([checkpoint])).toMatchObject({ ok: true, compared: 1 });
    for (const [kind, { consistent, make }] of Object.entries(ALTERATIONS)) {
      for (let round = 0; round < ROUNDS; round++) {
        const chain = make({
          entries: entriesOf(sound),
          head: headOf(sound),
          random,
          signed: checkpoint.sequence,
          foreign,
        });
        expect(chain, `${kind} changes nothing, seed ${SEED}`).not.toEqual(sound);
        await raw.write(T, chain);
        const report = await verify(consistent ? [checkpoint] : []);
        const result = report.ok ? "undetected" : report.problem.kind;
        if (report.ok) undetected.push(`${kind}, round ${round}, seed ${SEED}`);
        const counts = told[kind] ?? {};
        told[kind] = { ...counts, [result]: (counts[result] ?? 0) + 1 };
        made++;
      }
    }
    await raw.write(T, sound);
    expect(await verify([checkpoint])).toMatchObject({ ok: true, compared: 1 });
    console.log(`${made} alterations, ${undetected.length} undetected`, told);
    expect(undetected).toEqual([]);
    expect(made).toBeGreaterThanOrEqual(1000);
  });

  test("a chain that was made anew throughout is not detected without a checkpoint: it is right in itself", async () => {
    const random = new Random(SEED);
    for (const [kind, { consistent, make }] of Object.entries(ALTERATIONS)) {
      if (!consistent) continue;
      const subject = { entries: entriesOf(sound), head: headOf(sound), random, signed: checkpoint.sequence };
      await raw.write(T, make({ ...subject, foreign }));
      expect(await verify([]), kind).toMatchObject({ ok: true });
      expect(await verify([checkpoint]), kind).toMatchObject({ ok: false, problem: { kind: "checkpoint" } });
    }
    await raw.write(T, sound);
  });

  test("a beginning that was cut off as retention would do it is not detected, but its checkpoints say nothing then", async () => {
    const head = headOf(sound);
    const at = checkpoint.sequence + 1;
    const { hash } = entriesOf(sound)[at - head.anchorSequence - 1] as RawEntry;
    const left = entriesOf(sound).slice(at - head.anchorSequence);
    await raw.write(T, chainOf(T, left, { ...head, anchorSequence: at, anchorHash: hash }));
    expect(await verify([checkpoint])).toMatchObject({
      ok: true,
      from: at + 1,
      compared: 0,
      uncompared: [checkpoint.sequence],
    });
    await raw.write(T, sound);
  });
});

/** An entry that follows from a number. */
function entryOf(n: number) {
  return {
    id: `log-${n}`,
    userId: `user-${n % 5}`,
    action: ["node.update", "node.delete", "login"][n % 3] as string,
    resource: `nodes/n${n % 7}`,
    ...(n % 4 === 0
      ? {}
      : { details: { fields: ["name", "status"], before: { n, ok: n % 2 === 0 }, none: null } }),
    ...(n % 2 === 0 ? { ipAddress: "10.0.0.7" } : {}),
    ...(n % 3 === 0 ? { userAgent: "agent/1.2" } : {}),
    success: n % 6 !== 0,
  };
}

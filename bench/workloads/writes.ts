import type { Durability, Operation, Side, TrialWorkload } from "../lib/model.ts";

const MANY = { kind: "writers", writers: 64, each: 8 } as const;
const ONE = { kind: "writers", writers: 1, each: 32 } as const;

/*
 * Here each side has a process and a store of its own. All databases of one process share LevelDB's single background
 * thread, so that one side's writes would wait while the other's files are compacted. All sides write the same rows in
 * the same number of turns, into stores that begin empty: stores grow alike.
 */
const APART =
  "each side in a process of its own, in turns: LevelDB has but one background thread for all databases of a process";

/** Committing small and large transactions. */
export const writes: readonly TrialWorkload[] = [
  writersWorkload("writers", "durable"),
  writersWorkload("writers-relaxed", "relaxed"),
  {
    ...common("put-1000"),
    title:
      "one durable transaction with 1000 puts; the first raw side encodes its keys as it goes, as ours does",
    unit: "ms",
    groups: [
      [
        writer("ours: update", "ours", { kind: "puts", rows: 1000, awaited: true }, "durable"),
        writer(
          "raw: chained batch, sync",
          "rawTuples",
          { kind: "puts", rows: 1000, awaited: true },
          "durable",
        ),
        writer("raw: keys made beforehand", "raw", { kind: "puts", rows: 1000, awaited: true }, "durable"),
        writer("ours: puts not awaited", "ours", { kind: "puts", rows: 1000, awaited: false }, "durable"),
      ],
    ],
    claims: [
      { label: "ours: update", versus: "raw: chained batch, sync", atMost: 1.3 },
      { label: "ours: update", versus: "raw: keys made beforehand" },
      { label: "ours: puts not awaited", versus: "raw: keys made beforehand" },
    ],
  },
];

function writersWorkload(name: string, durability: Durability): TrialWorkload {
  const claim = { label: "ours: 64 writers", versus: "ours: 1 writer" };
  return {
    ...common(name),
    title: `${durability} transactions with one put, per transaction`,
    unit: "us",
    groups: [
      [
        writer("ours: 64 writers", "ours", MANY, durability),
        writer("ours: 1 writer", "ours", ONE, durability),
        writer("raw: 64 writers", "raw", MANY, durability),
        writer("raw: 1 writer", "raw", ONE, durability),
      ],
    ],
    claims: [
      durability === "durable" ? { ...claim, atLeast: 10 } : claim,
      { label: "ours: 64 writers", versus: "raw: 64 writers" },
      { label: "ours: 1 writer", versus: "raw: 1 writer" },
    ],
  };
}

function common(name: string) {
  return { kind: "trials", name, sample: "round", placement: "apart", method: APART } as const;
}

function writer(label: string, subject: Side["subject"], operation: Operation, durability: Durability): Side {
  return { label, subject, operation, store: "empty", durability };
}

import type { BoltBucket, BoltFile, BoltRow } from "../bolt/bolt-file.ts";
import { canCollide, readKey } from "./keys.ts";
import { LeftOut } from "./left-out.ts";
import type { BucketPlan } from "./plan.ts";
import type { Stage } from "./stage.ts";
import type { StagedBucket, StagedRow } from "./staged.ts";
import type { Steps } from "./steps.ts";
import { readName, type Surveyed } from "./survey.ts";
import { decodeBytes } from "./text.ts";

/** A bucket that the walk is in. */
interface Open {
  readonly number: number;
  readonly plan: BucketPlan;
  readonly path: readonly string[];
}

/**
 * Goes through a file for the second time, and puts it on the stage.
 *
 * @throws DatabaseError `BOLT_REFUSED`, as the reader and the store, what `onProgress` throws
 */
export async function fill(stage: Stage, source: BoltFile, surveyed: Surveyed, steps: Steps): Promise<void> {
  const { plans, tops } = surveyed;
  const wanted = new Set(tops.map(({ name }) => decodeBytes(name)));
  const skip = new LeftOut();
  const open: Open[] = [{ number: 0, plan: plans.get(0) as BucketPlan, path: [] }];
  let met = 0;
  for await (const element of source.walk((name) => wanted.has(decodeBytes(name)))) {
    if (skip.has(element)) continue;
    open.length = element.kind === "bucket" ? element.path.length : element.path.length + 1;
    const within = open.at(-1) as Open;
    if (element.kind === "row") {
      const added = stage.add(stagedRow(element, within, source.path, surveyed));
      if (added instanceof Promise) await added;
    } else {
      const number = ++met;
      const plan = plans.get(number);
      if (plan === undefined) {
        skip.leave(element);
        continue;
      }
      const step = stagedBucket(element, within, source.path, plan);
      await stage.add(step);
      open.push({ number, plan, path: step.place.path });
    }
    steps.count(element);
  }
}

function stagedRow(
  { path, key: bytes, value }: BoltRow,
  within: Open,
  file: string,
  { makers }: Surveyed,
): StagedRow {
  const { keys } = within.plan;
  const place = { file, path: within.path, key: bytes };
  const key = readKey(keys, bytes, place, makers.get(within.number));
  return { kind: "row", place, depth: path.length, key, value, canCollide: canCollide(keys) };
}

function stagedBucket(bucket: BoltBucket, within: Open, file: string, plan: BucketPlan): StagedBucket {
  const depth = bucket.path.length;
  const name = readName(within.plan, bucket.path[depth - 1] as Uint8Array);
  const sequence = plan.sequence ? Number(bucket.sequence) : 0;
  const place = { file, path: [...within.path, name] };
  return { kind: "bucket", place, depth, name, encoding: plan.encoding, sequence };
}

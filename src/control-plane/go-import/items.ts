/** What a bucket at the top of a Go file holds, one by one. */
import type { BoltBucket, BoltFile } from "../../bolt/bolt-file.ts";
import type { BucketPlan, Plans } from "../../bolt-import/plan.ts";
import { readName } from "../../bolt-import/survey.ts";
import type { GoTop } from "./go-survey.ts";
import type { GoRow } from "./held-record.ts";
import type { KeptBucket } from "./kept-rows.ts";

/** A record of a model, a row that is kept as it is, or a bucket of such rows. */
export type Item =
  | { readonly what: "record"; readonly row: GoRow }
  | { readonly what: "row"; readonly row: GoRow; readonly bucket: KeptBucket }
  | {
      readonly what: "bucket";
      readonly bucket: KeptBucket;
      readonly sequence: bigint;
      /** Stands for the bucket where its sequence does not fit. */
      readonly row: GoRow;
    };

/** @throws DatabaseError as `BoltFile.walk` */
export async function* itemsOf(file: BoltFile, top: GoTop, plans: Plans): AsyncGenerator<Item> {
  /** The buckets that the walk is in. */
  const open: KeptBucket[] = [];
  let { number } = top;
  for await (const element of file.walk((name) => Buffer.compare(name, top.bytes) === 0)) {
    if (Buffer.compare(element.path[0] as Uint8Array, top.bytes) !== 0) continue;
    const depth = element.path.length;
    if (element.kind === "bucket") {
      open.length = depth - 1;
      const bucket = keptBucket(element, open.at(-1), top, plans.get(number++) as BucketPlan);
      open.push(bucket);
      if (depth === 1 && top.kind !== undefined && element.sequence === 0n) continue;
      yield { what: "bucket", bucket, sequence: element.sequence, row: standIn(element) };
    } else if (depth === 1 && top.kind !== undefined) {
      yield { what: "record", row: element };
    } else {
      yield { what: "row", row: element, bucket: open[depth - 1] as KeptBucket };
    }
  }
}

function keptBucket(
  { path }: BoltBucket,
  parent: KeptBucket | undefined,
  top: GoTop,
  plan: BucketPlan,
): KeptBucket {
  if (parent === undefined) return { path: [top.keptAs], plan, around: [] };
  const name = readName(parent.plan, path.at(-1) as Uint8Array);
  return { path: [...parent.path, name], plan, around: [...parent.around, parent.plan] };
}

function standIn({ path, sequence }: BoltBucket): GoRow {
  return { path, key: new Uint8Array(), value: Buffer.from(String(sequence)) };
}

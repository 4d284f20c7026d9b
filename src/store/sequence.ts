import { type Awaitable, chain } from "../awaitable.ts";
import { DatabaseError } from "../errors.ts";
import type { BucketState } from "./bucket-state.ts";
import type { TransactionCore } from "./core.ts";
import { show } from "./options.ts";
import { sequenceKey } from "./system.ts";

/** A bucket's sequence; 0 where it was never set. */
export function readSequence(core: TransactionCore, bucket: BucketState): Awaitable<number> {
  return chain(core.get(sequenceKey(bucket.record.id), "utf8"), (text) =>
    text === undefined ? 0 : Number(text),
  );
}

/** Sets it. @returns the new sequence @throws DatabaseError `SEQUENCE_INVALID` */
export function writeSequence(core: TransactionCore, bucket: BucketState, sequence: number): number {
  if (!Number.isSafeInteger(sequence) || sequence < 0 || Object.is(sequence, -0)) {
    throw new DatabaseError(
      "SEQUENCE_INVALID",
      `A sequence is an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got ${show(sequence)}.`,
    );
  }
  core.set(sequenceKey(bucket.record.id), String(sequence));
  return sequence;
}

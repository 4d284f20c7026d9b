import type { BoltElement } from "../bolt/bolt-file.ts";

/** Passes over all that is in buckets that stay behind, in a walk that does not. */
export class LeftOut {
  /** How deep the bucket lies that is being passed over. */
  #depth: number | undefined;

  /** Passes over what is in the bucket that was just met. */
  leave(bucket: BoltElement): void {
    this.#depth = bucket.path.length;
  }

  /** Whether an element lies in a bucket that stays behind. */
  has({ kind, path }: BoltElement): boolean {
    if (this.#depth === undefined) return false;
    const within = kind === "bucket" ? path.length - 1 : path.length;
    if (within >= this.#depth) return true;
    this.#depth = undefined;
    return false;
  }
}

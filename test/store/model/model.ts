import { type ErrorCode, encodeKey, type Key, type RangeOptions } from "@meshgate/database";

/** The plain in-memory model of a bucket: what the store is compared with. */
export class ModelBucket {
  /** Rows by encoded key. */
  readonly rows = new Map<string, { key: Key; value: unknown }>();
  readonly buckets = new Map<string, ModelBucket>();
  sequence = 0;

  clone(): ModelBucket {
    const copy = new ModelBucket();
    copy.sequence = this.sequence;
    for (const [id, row] of this.rows) copy.rows.set(id, row);
    for (const [name, bucket] of this.buckets) copy.buckets.set(name, bucket.clone());
    return copy;
  }

  at(path: readonly string[]): ModelBucket | undefined {
    let bucket: ModelBucket | undefined = this;
    for (const name of path) bucket = bucket?.buckets.get(name);
    return bucket;
  }

  /** Rows, and where wanted the buckets within, in key order by their UTF-8 bytes. */
  elements(withBuckets: boolean): [Key, unknown][] {
    const all = new Map<string, [Key, unknown]>();
    for (const [id, { key, value }] of this.rows) all.set(id, [key, value]);
    if (withBuckets) for (const name of this.buckets.keys()) all.set(encodeKey(name), [name, undefined]);
    const ids = Array.from(all.keys()).sort(byBytes);
    return ids.map((id) => all.get(id) as [Key, unknown]);
  }

  range(options: RangeOptions): [Key, unknown][] {
    const within = this.elements(false).filter(([key]) => covers(options, key));
    if (options.reverse) within.reverse();
    return within.slice(0, options.limit ?? within.length);
  }

  /** What createBucket, put and their like would refuse. */
  clash(name: string, wants: "bucket" | "value"): ErrorCode | undefined {
    if (this.buckets.has(name)) return wants === "bucket" ? "BUCKET_EXISTS" : "INCOMPATIBLE_VALUE";
    return wants === "bucket" && this.rows.has(encodeKey(name)) ? "INCOMPATIBLE_VALUE" : undefined;
  }

  /** What a call on a bucket that should be there would refuse. */
  missing(name: string): ErrorCode | undefined {
    if (this.buckets.has(name)) return undefined;
    return this.rows.has(encodeKey(name)) ? "INCOMPATIBLE_VALUE" : "BUCKET_NOT_FOUND";
  }
}

export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function covers(options: RangeOptions, key: Key): boolean {
  const id = encodeKey(key);
  const compare = (bound: Key) => byBytes(id, encodeKey(bound));
  if (options.gt !== undefined && compare(options.gt) <= 0) return false;
  if (options.gte !== undefined && compare(options.gte) < 0) return false;
  if (options.lt !== undefined && compare(options.lt) >= 0) return false;
  if (options.lte !== undefined && compare(options.lte) > 0) return false;
  return options.prefix === undefined || hasPrefix(key, options.prefix);
}

function hasPrefix(key: Key, prefix: Key): boolean {
  if (typeof prefix === "string") return typeof key === "string" && key.startsWith(prefix);
  if (!Array.isArray(prefix)) return encodeKey(key) === encodeKey(prefix);
  return Array.isArray(key) && encodeKey(key.slice(0, prefix.length)) === encodeKey(prefix);
}

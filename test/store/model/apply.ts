import { type Bucket, DatabaseError, encodeKey, type Key, type Transaction } from "@meshgate/database";
import { expect } from "vitest";
import { byBytes, ModelBucket } from "./model.ts";
import type { Move, Operation } from "./operations.ts";

/** Makes one call on the store and on the model, and expects the same of both. */
export async function apply(tx: Transaction, model: ModelBucket, operation: Operation): Promise<void> {
  const place = await open(tx, operation.path);
  const expected = model.at(operation.path);
  expect(place !== undefined, `bucket ${operation.path.join("/")} exists`).toBe(expected !== undefined);
  if (place === undefined || expected === undefined) return;
  switch (operation.kind) {
    case "create":
    case "createIfNotExists":
    case "deleteBucket":
      return applyBucketCall(place, expected, operation);
    case "move":
      return applyMove(tx, model, operation);
  }
  if (operation.path.length === 0) return expectNames(tx, expected);
  const bucket = place as Bucket;
  switch (operation.kind) {
    case "put":
    case "get":
    case "delete":
      return applyKeyCall(bucket, expected, operation);
    case "fill":
      return applyFill(bucket, expected, operation);
    case "sequence":
      if (operation.set !== undefined) await bucket.setSequence(operation.set);
      expected.sequence = (operation.set ?? expected.sequence) + 1;
      expect(await bucket.nextSequence()).toBe(expected.sequence);
      return;
    case "range":
      return applyRange(bucket, expected, operation);
    case "cursor":
      return applyCursor(bucket, expected, operation.moves);
  }
}

/** Expects the same rows, buckets and sequences in both, all the way down. */
export async function expectSame(place: Transaction | Bucket, model: ModelBucket): Promise<void> {
  await expectNames(place, model);
  if ("range" in place) {
    expect(await place.range().toArray()).toEqual(model.elements(false));
    expect(await place.sequence()).toBe(model.sequence);
    const walked: unknown[] = [];
    await place.forEach((key, value) => {
      walked.push([key, value]);
    });
    expect(walked).toEqual(model.elements(true));
  }
  for (const [name, bucket] of model.buckets) await expectSame((await place.bucket(name)) as Bucket, bucket);
}

async function expectNames(place: Transaction | Bucket, model: ModelBucket): Promise<void> {
  expect(await place.buckets()).toEqual(Array.from(model.buckets.keys()).sort(byBytes));
}

async function open(tx: Transaction, path: readonly string[]): Promise<Transaction | Bucket | undefined> {
  let place: Transaction | Bucket | undefined = tx;
  for (const name of path) place = await place?.bucket(name);
  return place;
}

async function expectCode(code: string | undefined, call: () => unknown): Promise<void> {
  let got: string | undefined;
  try {
    await call();
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    got = error.code;
  }
  expect(got).toBe(code);
}

async function applyBucketCall(
  place: Transaction | Bucket,
  model: ModelBucket,
  { kind, name }: { kind: "create" | "createIfNotExists" | "deleteBucket"; name: string },
): Promise<void> {
  if (kind === "deleteBucket") {
    await expectCode(model.missing(name), () => place.deleteBucket(name));
    model.buckets.delete(name);
    return;
  }
  const clash = model.clash(name, "bucket");
  if (kind === "createIfNotExists" && clash === "BUCKET_EXISTS") {
    await place.createBucketIfNotExists(name);
    return;
  }
  await expectCode(clash, () =>
    kind === "create" ? place.createBucket(name) : place.createBucketIfNotExists(name),
  );
  if (clash === undefined) model.buckets.set(name, new ModelBucket());
}

async function applyMove(
  tx: Transaction,
  model: ModelBucket,
  { path, name, to }: { path: string[]; name: string; to: string[] },
): Promise<void> {
  const [from, target] = [model.at(path), model.at(to)];
  const place = await open(tx, to);
  if (from === undefined || target === undefined || place === undefined) return;
  const moved = from.buckets.get(name);
  const insideItself = to
    .join("\n")
    .concat("\n")
    .startsWith([...path, name].join("\n").concat("\n"));
  const code =
    from === target
      ? "BUCKET_SAME"
      : (from.missing(name) ?? target.clash(name, "bucket") ?? (insideItself ? "BUCKET_CYCLE" : undefined));
  await expectCode(code, async () => tx.moveBucket(name, await open(tx, path), place));
  if (code !== undefined || moved === undefined) return;
  from.buckets.delete(name);
  target.buckets.set(name, moved);
}

async function applyKeyCall(
  bucket: Bucket,
  model: ModelBucket,
  { kind, key, value }: { kind: "put" | "get" | "delete"; key: Key; value: unknown },
): Promise<void> {
  const id = encodeKey(key);
  if (kind === "get") {
    expect(await bucket.get(key)).toEqual(model.rows.get(id)?.value);
    expect(await bucket.has(key)).toBe(model.rows.has(id));
    const keys = [key, "a", ["a", 1]];
    expect(await bucket.getMany(keys)).toEqual(keys.map((each) => model.rows.get(encodeKey(each))?.value));
    return;
  }
  const clash = typeof key === "string" ? model.clash(key, "value") : undefined;
  await expectCode(clash, () => (kind === "put" ? bucket.put(key, value) : bucket.delete(key)));
  if (clash !== undefined) return;
  if (kind === "put") model.rows.set(id, { key, value });
  else model.rows.delete(id);
}

async function applyFill(
  bucket: Bucket,
  model: ModelBucket,
  { from, count, remove }: { from: number; count: number; remove: boolean },
): Promise<void> {
  for (let key = from; key < from + count; key++) {
    if (remove) await bucket.delete(key);
    else await bucket.put(key, { key });
    if (remove) model.rows.delete(encodeKey(key));
    else model.rows.set(encodeKey(key), { key, value: { key } });
  }
}

async function applyRange(
  bucket: Bucket,
  model: ModelBucket,
  { options, writes }: { options: Operation extends { options: infer O } ? O : object; writes: boolean },
): Promise<void> {
  const expected = model.range(options);
  expect(await bucket.range(options).toArray()).toEqual(expected);
  expect(await bucket.range(options).first()).toEqual(expected[0]);
  expect(await bucket.keys(options).toArray()).toEqual(expected.map(([key]) => key));
  expect(await bucket.values(options).toArray()).toEqual(expected.map(([, value]) => value));
  expect(await bucket.count(options)).toBe(expected.length);
  if (!writes) return;
  // Each row that is met is deleted, and so is the one that should come next: neither skips nor repeats others.
  const met: [Key, unknown][] = [];
  const remaining = expected.slice();
  for await (const [key, value] of bucket.range(options)) {
    met.push([key, value]);
    expect([key, value]).toEqual(remaining.shift());
    for (const [gone] of [[key] as const, ...remaining.splice(0, 1)]) {
      await bucket.delete(gone);
      model.rows.delete(encodeKey(gone));
    }
    if (options && "limit" in options) break;
  }
  if (!(options && "limit" in options)) expect(remaining).toEqual([]);
  expect(met.length).toBeLessThanOrEqual(expected.length);
}

async function applyCursor(bucket: Bucket, model: ModelBucket, moves: readonly Move[]): Promise<void> {
  const cursor = bucket.cursor();
  /** The model's position: an encoded key, or undefined before the first move. */
  let position: string | undefined;
  let on: [Key, unknown] | undefined;
  for (const each of moves) {
    const elements = model.elements(true);
    const idOf = ([key]: [Key, unknown]) => encodeKey(key);
    const after = (id: string) => elements.find((element) => byBytes(idOf(element), id) > 0);
    const before = (id: string) => elements.findLast((element) => byBytes(idOf(element), id) < 0);
    switch (each.move) {
      case "put":
      case "remove":
        await applyKeyCall(bucket, model, {
          kind: each.move === "put" ? "put" : "delete",
          key: each.key,
          value: 7,
        });
        continue;
      case "delete": {
        const code =
          on === undefined ? "CURSOR_UNPOSITIONED" : on[1] === undefined ? "INCOMPATIBLE_VALUE" : undefined;
        await expectCode(code, () => cursor.delete());
        if (on === undefined || code !== undefined) continue;
        model.rows.delete(encodeKey(on[0]));
        on = undefined;
        continue;
      }
      case "first":
        on = elements[0];
        break;
      case "last":
        on = elements.at(-1);
        break;
      case "next":
        on = position === undefined ? elements[0] : after(position);
        break;
      case "prev":
        on = position === undefined ? elements.at(-1) : before(position);
        break;
      case "seek":
        position = encodeKey(each.key);
        on = elements.find((element) => byBytes(idOf(element), encodeKey(each.key)) >= 0);
        break;
    }
    const got = each.move === "seek" ? await cursor.seek(each.key) : await cursor[each.move]();
    expect(got).toEqual(on);
    if (on !== undefined) position = encodeKey(on[0]);
  }
}

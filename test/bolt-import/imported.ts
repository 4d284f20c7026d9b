import type { Bucket, Key, Store, Transaction } from "@meshgate/database";
import { lineOf } from "../bolt/lines.ts";

/** How a bucket's keys, and the names of the buckets in it, are to be read, by its path; the root has the path "". */
export type Forms = ReadonlyMap<string, "utf8" | "latin1">;

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isText(bytes: Uint8Array): boolean {
  try {
    strict.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Decides from the lines of a file, without the library, in which buckets all keys and names are text. */
export function formsOf(lines: readonly string[]): Forms {
  const forms = new Map<string, "utf8" | "latin1">([["", "utf8"]]);
  let path: string[] = [];
  for (const line of lines) {
    const [kind, depth, key] = line.split(" ") as [string, string, string];
    path = path.slice(0, Number(depth));
    if (!isText(Buffer.from(key, "hex"))) forms.set(path.join("/"), "latin1");
    if (kind === "R") continue;
    path.push(key);
    forms.set(path.join("/"), "utf8");
  }
  return forms;
}

/** All that a store holds, as lines of the file that it was imported from. */
export function linesOfStore(store: Store, forms: Forms): Promise<string[]> {
  return store.view(async (tx) => {
    const lines: string[] = [];
    await walk(tx, [], forms, lines);
    return lines;
  });
}

async function walk(
  parent: Transaction | Bucket<Uint8Array>,
  path: readonly Uint8Array[],
  forms: Forms,
  lines: string[],
): Promise<void> {
  const form = forms.get(path.map((name) => Buffer.from(name).toString("hex")).join("/"));
  const cursor = parent.cursor();
  for (let element = await cursor.first(); element !== undefined; element = await cursor.next()) {
    const [key, value] = element as [Key, Uint8Array | undefined];
    const bytes = Buffer.from(key as string, form);
    if (value !== undefined) {
      lines.push(lineOf({ kind: "row", path, key: bytes, value }));
      continue;
    }
    const bucket = (await parent.bucket(key as string, { encoding: "bytes" })) as Bucket<Uint8Array>;
    const within = [...path, bytes];
    lines.push(lineOf({ kind: "bucket", path: within, sequence: BigInt(await bucket.sequence()) }));
    await walk(bucket, within, forms, lines);
  }
}

/** Expects nothing of an import in a store that was empty: the names of its buckets. */
export function topsOf(store: Store): Promise<string[]> {
  return store.view((tx) => tx.buckets());
}

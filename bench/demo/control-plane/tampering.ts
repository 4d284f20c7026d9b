/** Changes audit trails past the library, which refuses to: on the LevelDB files themselves. */
import { encodeKey } from "@meshgate/database";
import { ClassicLevel } from "classic-level";

type Entry = Record<string, unknown>;

/** Edits an entry of a tenant's trail. @returns what the fields were before */
export async function edit(path: string, tenantId: string, sequence: number, fields: Entry): Promise<Entry> {
  await using files = await open(path);
  const key = encodeKey([tenantId, sequence]);
  const entry = await files.entries.get(key);
  if (entry === undefined) throw new Error(`There is no entry ${sequence} to be edited.`);
  await files.entries.put(key, { ...entry, ...fields });
  return Object.fromEntries(Object.keys(fields).map((name) => [name, entry[name]]));
}

/** Deletes all entries of a tenant's trail behind one, and makes its head fit. */
export async function cutOff(path: string, tenantId: string, last: number): Promise<void> {
  await using files = await open(path);
  const head = await files.heads.get(encodeKey(tenantId));
  const entry = await files.entries.get(encodeKey([tenantId, last]));
  const end = Number(head?.["sequence"]);
  for (let sequence = last + 1; sequence <= end; sequence++)
    await files.entries.del(encodeKey([tenantId, sequence]));
  await files.heads.put(encodeKey(tenantId), { ...head, sequence: last, hash: entry?.["hash"] });
}

async function open(path: string) {
  const level = new ClassicLevel<string, Entry>(path, { createIfMissing: false, valueEncoding: "json" });
  await level.open();
  const sublevel = (name: string) => level.sublevel<string, Entry>(name, { valueEncoding: "json" });
  return {
    entries: sublevel("audit_logs"),
    heads: sublevel("audit_heads"),
    [Symbol.asyncDispose]: () => level.close(),
  };
}

import { type Collection, collection } from "@meshgate/database";
import { z } from "zod";

/** What an index is defined by, as the tests themselves read it. */
export interface IndexSpec {
  readonly on: string | readonly string[];
  readonly unique?: boolean;
  readonly multiEntry?: string;
  readonly where?: (record: Item) => boolean;
  /** Given with `where`: the test and the programs it starts have the function's text from different transpilers. */
  readonly version?: number;
  readonly include?: "record" | readonly string[];
}

/** What a collection is defined by. Schema and record type are the same for all. */
export interface Spec {
  readonly name: string;
  readonly key: string | readonly string[];
  readonly indexes: Readonly<Record<string, IndexSpec>>;
}

/** The schema of every collection under test: each kind of field, most of them optional. */
export const schema = z.object({
  tenant: z.string(),
  id: z.union([z.string(), z.number()]),
  day: z.date(),
  role: z.enum(["admin", "user", "guest"]),
  email: z.string().optional(),
  handle: z.string().optional(),
  nick: z.string().nullable().optional(),
  score: z.number().optional(),
  active: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
  codes: z.array(z.number()).optional(),
  days: z.array(z.date()).optional(),
  seen: z.date().optional(),
  more: z.object({ at: z.date().optional(), note: z.string() }).optional(),
  size: z.number().default(1),
});

/** A record as it is kept. */
export type Item = z.output<typeof schema>;
/** A record as it is passed; fields may be anything, so that it can be refused. */
export type Input = Readonly<Record<string, unknown>>;

/** Every kind of index: one field and several, unique, multi-entry, partial, projecting and covering, and mixtures. */
export const INDEXES: Spec["indexes"] = {
  email: { on: "email", unique: true },
  handle: { on: ["tenant", "handle"], unique: true, include: ["role", "email"] },
  code: { on: "codes", multiEntry: "codes", unique: true },
  seen: { on: ["seen"], unique: true, include: "record" },
  role: { on: ["tenant", "role"], include: ["email", "more"] },
  tag: { on: ["tenant", "tags"], multiEntry: "tags" },
  tagged: { on: ["tags", "role", "score"], multiEntry: "tags", include: ["tags", "size"] },
  day: { on: ["tenant", "day"], include: "record" },
  days: { on: "days", multiEntry: "days", include: "record" },
  nick: { on: "nick", where: (record) => record.role === "admin", version: 1 },
  score: { on: "score", where: (record) => record.active === true, include: ["day"], version: 1 },
  flags: { on: ["active", "role"] },
};

/** The collections under test: a composite key, a single one of text or number, a single date. */
export const SPECS: readonly Spec[] = [
  { name: "people", key: ["tenant", "id"], indexes: INDEXES },
  { name: "things", key: "id", indexes: INDEXES },
  { name: "dated", key: "day", indexes: INDEXES },
];

/** The collection that a spec describes. */
export function collectionOf(spec: Spec): Collection {
  const { name, key, indexes } = spec;
  // Specs are data: the compiler cannot follow their fields, which test/types does for real definitions.
  return collection({ name, schema, key: key as never, indexes: indexes as never }) as unknown as Collection;
}

export const COLLECTIONS: readonly Collection[] = SPECS.map(collectionOf);

export function fieldsOf(on: string | readonly string[]): readonly string[] {
  return typeof on === "string" ? [on] : on;
}

import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";

/** The collection `retention`: what became of the last runs, by kind. */
export const retentionStates = collection({
  name: "retention",
  schema: z.strictObject({
    kind: z.enum(["audit", "minute", "hour", "day", "sessions", "apiKeys", "nodeMetrics"]),
    /** Rows deleted since the store was made, and in the last run. */
    deleted: z.int().nonnegative(),
    deletedLast: z.int().nonnegative(),
    /** What is older is gone. */
    before: z.date().optional(),
    lastSuccess: z.date().optional(),
    lastError: z.strictObject({ at: z.date(), code: z.string(), message: z.string() }).optional(),
  }),
  key: "kind",
});

export type RetentionState = RecordOf<typeof retentionStates>;
export type RetentionKind = RetentionState["kind"];

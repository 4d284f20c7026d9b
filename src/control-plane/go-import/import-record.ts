import { z } from "zod";
import { collection } from "../../collections/collection.ts";

const count = z.int().nonnegative();

const bucketReport = z.strictObject({
  bucket: z.string(),
  kind: z.enum(["records", "index", "kept"]),
  rows: count,
  imported: count,
  present: count,
  quarantined: count,
  expired: count,
  keptAs: z.string().optional(),
});

/** What became of a bucket at the top of a Go file. */
export type GoBucketReport = z.output<typeof bucketReport>;

const heldReport = z.strictObject({
  id: z.string(),
  bucket: z.string(),
  key: z.string(),
  code: z.string(),
  message: z.string(),
});

/** The collection `go_imports`: what became of files that were imported whole. */
export const goImports = collection({
  name: "go_imports",
  schema: z.strictObject({
    /** Of the file, in hex. */
    sha256: z.string(),
    /** Whose the records became that named no tenant. */
    tenantId: z.string(),
    file: z.string(),
    schemaVersion: count,
    damagedMeta: count.optional(),
    finishedAt: z.date(),
    buckets: z.array(bucketReport),
    tenantsMade: z.array(z.string()),
    quarantined: z.array(heldReport),
    quarantinedCount: count,
  }),
  key: ["sha256", "tenantId"],
});

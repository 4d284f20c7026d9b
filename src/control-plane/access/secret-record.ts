import { z } from "zod";

/** A secret as it is kept: never itself. The tag tells how the hash was made, should there ever be another way. */
export const hashedSecret = z.strictObject({
  algorithm: z.literal("sha256"),
  /** In hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

export type HashedSecret = z.output<typeof hashedSecret>;

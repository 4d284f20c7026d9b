import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { id, ipAddress, text } from "../common/fields.ts";
import { hashedSecret } from "./secret-record.ts";

/** The fields of a session that its maker chooses. */
export const sessionFields = {
  userId: id,
  /** Where, and from what, the user signed in. */
  ipAddress: ipAddress.optional(),
  userAgent: text.optional(),
} as const;

const session = z.strictObject({
  tenantId: id,
  /** Also the public part of its token. */
  id,
  ...sessionFields,
  secret: hashedSecret,
  createdAt: z.date(),
  /** From this moment on it is invalid. */
  expiresAt: z.date(),
  /** To the minutes: not every request is written. */
  lastSeen: z.date().optional(),
});

/** The collection `sessions`. A session that is ended is deleted. */
export const sessions = collection({
  name: "sessions",
  schema: session,
  key: ["tenantId", "id"],
  indexes: {
    id: { on: "id", unique: true },
    user: { on: ["tenantId", "userId"] },
    expiry: { on: "expiresAt" },
  },
});

/** A session as it is kept. */
export type SessionRecord = RecordOf<typeof sessions>;
/** A session without what is kept of its token. */
export type Session = Omit<SessionRecord, "secret">;

/** A session as callers see it. */
export function sessionOf({ secret: _, ...session }: SessionRecord): Session {
  return session;
}

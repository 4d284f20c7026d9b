import type { z } from "zod";
import { recordInvalid, validate } from "../../collections/schema.ts";

/** Checks a value. @param of what it is, for the message @throws DatabaseError `RECORD_INVALID` with `details.issues` */
export function parse<S extends z.ZodType<object>>(schema: S, value: unknown, of: string): z.output<S> {
  const parsed = validate(schema, value, of);
  if (Array.isArray(parsed)) throw recordInvalid(of, undefined, parsed);
  return parsed as z.output<S>;
}

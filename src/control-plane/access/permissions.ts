/**
 * Permissions are words parted by colons, such as `nodes:read`. In one that is granted, `*` stands
 *
 * - as the last word for one word or more: `nodes:*` grants `nodes:read` and `nodes:tags:write`, not `nodes`; `*`
 *   alone grants everything;
 * - as any other word for exactly one word: `*:read` grants `nodes:read`, not `nodes:tags:read`.
 *
 * Nothing else is a wildcard: `node*` is no permission. Upper and lower case differ. What no permission in a list
 * grants is denied, so that an empty list grants nothing.
 */
import { z } from "zod";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";

const MAX_LENGTH = 256;
const WANTED = /^[\w.-]+(?::[\w.-]+)*$/;

/** What may be granted. */
export const permission = z
  .string()
  .max(MAX_LENGTH)
  .regex(/^(?:[\w.-]+|\*)(?::(?:[\w.-]+|\*))*$/, "A permission reads as nodes:read, nodes:* or *");

/**
 * Whether one of the permissions grants what is wanted.
 *
 * @throws DatabaseError `OPTION_INVALID` where what is wanted is no permission, or has a wildcard
 */
export function grants(permissions: readonly string[], wanted: string): boolean {
  checkWanted(wanted);
  if (permissions.includes(wanted)) return true;
  const words = wanted.split(":");
  return permissions.some((granted) => granted.includes("*") && covers(granted.split(":"), words));
}

/** @throws DatabaseError `OPTION_INVALID` */
export function checkWanted(wanted: unknown): asserts wanted is string {
  if (typeof wanted === "string" && wanted.length <= MAX_LENGTH && WANTED.test(wanted)) return;
  throw new DatabaseError(
    "OPTION_INVALID",
    `The permission that is asked for is ${show(wanted)}. Pass words parted by colons, such as nodes:read, without a wildcard.`,
  );
}

function covers(granted: readonly string[], wanted: readonly string[]): boolean {
  const isOpen = granted.at(-1) === "*";
  if (isOpen ? wanted.length < granted.length : wanted.length !== granted.length) return false;
  return granted.every((word, i) => word === "*" || word === wanted[i]);
}

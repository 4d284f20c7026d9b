/*
 * Tokens of lists that begin at a watermark, which may move from one page to the next:
 *
 *   [ watermark in milliseconds, base 36 ] "." token of the page
 *
 * The inner token is bound to the bounds, the watermark among them: it does not open where that was changed.
 */
import { toDate } from "./periods.ts";

/** Where a list begins, and the token of the page before. */
export interface ListEnd {
  readonly watermark: Date | undefined;
  readonly after: string | undefined;
}

const BASE = 36;

/** @returns undefined where there is no further page */
export function tokenOf(watermark: Date | undefined, next: string | undefined): string | undefined {
  if (next === undefined) return undefined;
  return `${watermark === undefined ? "" : watermark.getTime().toString(BASE)}.${next}`;
}

/** @param current the watermark as it is now, where the first page begins */
export function endOfToken(token: unknown, current: Date | undefined): ListEnd {
  if (token === undefined) return { watermark: current, after: undefined };
  const [, ms, after] = typeof token === "string" ? (/^(-?[0-9a-z]*)\.(.*)$/.exec(token) ?? []) : [];
  const watermark = ms === undefined ? undefined : toDate(Number.parseInt(ms, BASE));
  if (ms === "" || (watermark !== undefined && watermark.getTime().toString(BASE) === ms))
    return { watermark, after };
  // What is no token of a list is none of a page either, and is refused there.
  return { watermark: current, after: "." };
}

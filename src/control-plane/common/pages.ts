import type { Page } from "../../collections/pages.ts";
import type { Queries } from "../../collections/queries.ts";
import type { Key } from "../../keys/encode.ts";
import { checkOptions } from "../../store/options.ts";
import type { RangeOptions } from "../../store/range-options.ts";

/** Which part of a list to give. */
export interface ListOptions {
  /** Records a page at the most; 100 by default. */
  readonly size?: number | undefined;
  /** The token `next` of the page before. */
  readonly after?: string | undefined;
}

const SIZE = 100;

/**
 * One page of a query.
 *
 * @param where further conditions; records that do not meet them are passed over
 * @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID`
 */
export function pageOf<T extends object, B extends Key>(
  queries: Queries<T, Key, B>,
  bounds: Omit<RangeOptions<B>, "limit">,
  { size = SIZE, after }: ListOptions,
  where?: (record: T) => boolean,
): Promise<Page<T>> {
  return queries.pages({ ...bounds, size, after, ...(where === undefined ? {} : { where }) }).first();
}

/** @throws DatabaseError `OPTION_INVALID` for options that a list does not have */
export function checkList(options: object | undefined, filters: readonly string[], of: string): void {
  checkOptions(options, ["size", "after", ...filters], of);
}

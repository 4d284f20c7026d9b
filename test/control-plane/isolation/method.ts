/** How a method of a tenant's handle is called by a stranger. */
import type { Hostile } from "./hostile.ts";

/** How a method is called. */
export interface Method {
  readonly arguments: (h: Hostile) => readonly unknown[];
  readonly isWrite: boolean;
  /** Called once where others are called so many times, since it costs so much. */
  readonly cost: number;
}

export const read = (args: Method["arguments"], cost = 1): Method => ({
  arguments: args,
  isWrite: false,
  cost,
});
export const write = (args: Method["arguments"], cost = 1): Method => ({
  arguments: args,
  isWrite: true,
  cost,
});
export const none = (): readonly unknown[] => [];

export type Fields = Record<string, unknown>;
export type Family = Readonly<Record<string, Method>>;

// What is said to a measuring process, line by line as JSON; the one in Go understands the same.
import type { Memory } from "../lib/memory.ts";
import type { Durability } from "../lib/model.ts";
import type { About, Operation, SubjectName } from "./model.ts";

/** What it does, as its only argument. */
export interface Task {
  readonly subject: SubjectName;
  readonly about: About;
  readonly directory: string;
  /** How many rows to begin with, all of which it has to load unless they are there. */
  readonly rows: number;
  readonly load: boolean;
  readonly operation: Operation | undefined;
}

/** What it is told; it answers each command before the next is sent. */
export type Command =
  | { readonly do: "measure"; readonly first: number; readonly turns: number }
  | { readonly do: "check"; readonly turn: number }
  /** Deletes the older half of the first tenant's samples, durably. */
  | { readonly do: "age" }
  | { readonly do: "settle" }
  | { readonly do: "memory" }
  | { readonly do: "close" };

/** Its first line, once its store is open: what that took, in milliseconds. */
export interface Ready {
  readonly loadMs: number;
  /** To open the store and to get the first answer. */
  readonly openMs: number;
}

/** The times of its turns in milliseconds, for each of its reports. */
export type Times = number[][];

/** By how much memory is above what the process took before it opened the store. */
export type Added = Memory;

/** How many rows are loaded in one transaction. */
export const ROWS_PER_LOAD = 10_000;

/** How readings and samples are loaded: no commit waits for the disk. */
export const LOADING: Durability = "relaxed";

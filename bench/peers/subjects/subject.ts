import type { Durability } from "../../lib/model.ts";
import type { Place, Reading, Sample } from "../rows.ts";

/** A value, or a promise of it: some subjects answer at once. */
export type Answer<T> = T | Promise<T>;

interface Store {
  /** Does what the subject's documentation recommends after much was loaded or deleted. */
  settle(): Answer<unknown>;
  close(): Answer<unknown>;
}

/** Samples of tenants, by time. Each call is a transaction of its own, and gives objects. */
export interface SampleStore extends Store {
  /** Adds samples in one transaction. */
  load(samples: readonly Sample[]): Answer<unknown>;
  /** So many from a time on. */
  next(from: Place, limit: number): Answer<unknown[]>;
  /** All from one time, inclusive, to another, exclusive. */
  window(from: Place, to: number): Answer<unknown[]>;
  /** So many before a time, newest first. */
  latest(before: Place, limit: number): Answer<unknown[]>;
  get(place: Place): Answer<unknown>;
  /** One after another, in one transaction. */
  gets(places: readonly Place[]): Answer<unknown[]>;
  /** In one call, where there is one. */
  getMany(places: readonly Place[]): Answer<unknown[]>;
  /** Deletes a tenant's samples before a time. */
  deleteBefore(before: Place): Answer<unknown>;
}

/** Records with two indexes. Each call is a transaction of its own. */
export interface ReadingStore extends Store {
  /** Adds readings in one transaction, with their index entries. */
  load(readings: readonly Reading[]): Answer<unknown>;
  /** The same as new requests come in: resolves when it is committed. */
  write(readings: readonly Reading[]): Answer<unknown>;
  get(tenantId: string, id: string): Answer<unknown>;
  /** All of a tenant, by id. */
  list(tenantId: string): Answer<unknown[]>;
  /** So many of a node from a time on, by the index over node and time. */
  byNode(node: string, from: number, limit: number): Answer<unknown[]>;
  /** All of a tenant that have a status, by the index over these. */
  byStatus(tenantId: string, status: Reading["status"]): Answer<unknown[]>;
}

/** A subject: what it has is opened in a directory that may be empty. */
export interface Subject {
  samples?(directory: string, durability: Durability): Answer<SampleStore>;
  readings?(directory: string, durability: Durability): Answer<ReadingStore>;
}

/** What a subject answers that is never asked this. */
export function unasked(): never {
  throw new Error("No workload asks this of this subject.");
}

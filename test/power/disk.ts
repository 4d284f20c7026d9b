/**
 * What a power cut may leave of a recording.
 *
 * Whatever an fsync or fdatasync made last is there; of the rest, a model says what may be lost:
 *
 *   ordered   A journalling file system with ordered data, as ext4 by default: names change in the order of the calls,
 *             and each sync makes all earlier changes of names last; a file holds a beginning of what was appended.
 *             Its size is part of the journal: it holds nothing that was appended after a change of names that is lost.
 *   journal   The same for names; of a file's data, any 512-byte sectors and any size (lost ones read as zeros).
 *   strict    What POSIX alone promises: any change of a name may be lost or kept, until its own directory was synced.
 *             Data as in `journal`.
 */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "./random.ts";
import type { DataOperation, NameOperation, Node, Operation, Recording } from "./recording.ts";

export const MODELS = ["ordered", "journal", "strict"] as const;
export type Model = (typeof MODELS)[number];

/** What decides about all that a model leaves open. */
export interface Fate {
  readonly model: Model;
  readonly random: Random;
  /** How likely something unsynced is kept, from 0 to 1; drawn anew for the names and for each file where absent. */
  readonly likely?: number;
}

const SECTOR = 512;
/** Files are as old as after a machine's start: an owner file is not taken for one that is being written. */
const AGE_S = 3600;

/** Writes into a folder what may be left of a recording when power is cut at a line of its trace. */
export function leave(recording: Recording, cut: number, fate: Fate, folder: string): void {
  const issued = recording.operations.filter(({ begin }) => begin < cut);
  const syncs = new Syncs(issued, cut);
  const { entries, until } = namesLeft(issued, syncs, fate);
  const data = new Map<Node, DataOperation[]>();
  for (const operation of issued) {
    if (operation.kind !== "data" || operation.begin > until) continue;
    const of = data.get(operation.file);
    if (of === undefined) data.set(operation.file, [operation]);
    else of.push(operation);
  }
  const then = Date.now() / 1000 - AGE_S;
  const write = (node: Node, path: string) => {
    if (node.kind === "directory") {
      mkdirSync(path, { recursive: true });
      for (const [name, child] of entries.get(node) ?? []) write(child, join(path, name));
      return;
    }
    writeFileSync(path, contentLeft(data.get(node) ?? [], syncs, fate));
    utimesSync(path, then, then);
  };
  write(recording.root, folder);
}

/** The syncs that had returned before the cut. */
class Syncs {
  /** When the last sync of a file or directory began. */
  readonly #last = new Map<Node, number>();
  /** When the last sync began that makes a file system commit its journal. */
  readonly #barrier: number;

  constructor(issued: readonly Operation[], cut: number) {
    let barrier = 0;
    for (const operation of issued) {
      if (operation.kind !== "sync" || operation.end >= cut) continue;
      this.#last.set(operation.node, Math.max(operation.begin, this.#last.get(operation.node) ?? 0));
      if (operation.hadWork) barrier = Math.max(barrier, operation.begin);
    }
    this.#barrier = barrier;
  }

  /** Whether an operation is on disk because the file or directory was synced after it. */
  cover(operation: Operation, node: Node): boolean {
    return operation.end < (this.#last.get(node) ?? 0);
  }

  /** Whether a change of names is on disk because the journal was committed after it. */
  commit(operation: NameOperation): boolean {
    return operation.end < this.#barrier;
  }
}

/** How likely something unsynced is kept: mostly all or nothing, since these are the corners that differ most. */
function likelihood({ likely, random }: Fate): number {
  return likely ?? random.pick([0, 0, 1, 1, 0.5, random.next()]);
}

type Entries = Map<Node, Map<string, Node>>;

/** @returns what is left of the names, and the moment from which no file can have grown */
function namesLeft(
  issued: readonly Operation[],
  syncs: Syncs,
  fate: Fate,
): { entries: Entries; until: number } {
  const { model, random } = fate;
  const names = issued.filter((operation) => operation.kind === "name");
  const likely = likelihood(fate);
  const entries: Entries = new Map();
  const apply = ({ changes }: NameOperation) => {
    for (const { directory, name, node } of changes) {
      const of = entries.get(directory) ?? new Map<string, Node>();
      entries.set(directory, of);
      if (node === null) of.delete(name);
      else of.set(name, node);
    }
  };
  if (model === "strict") {
    for (const operation of names) {
      const lasts = operation.changes.every(({ directory }) => syncs.cover(operation, directory));
      if (lasts || random.chance(likely)) apply(operation);
    }
    return { entries, until: Number.POSITIVE_INFINITY };
  }
  const lasting = names.findLastIndex((operation) => syncs.commit(operation)) + 1;
  const loose = names.length - lasting;
  const kept = lasting + (likely === 1 ? loose : random.below(1 + likely * loose));
  for (const operation of names.slice(0, kept)) apply(operation);
  return { entries, until: names[kept]?.end ?? Number.POSITIVE_INFINITY };
}

/** The bytes that are left of a file. */
function contentLeft(operations: readonly DataOperation[], syncs: Syncs, fate: Fate): Uint8Array {
  const { model, random } = fate;
  const lasting = operations.findLastIndex((operation) => syncs.cover(operation, operation.file)) + 1;
  const content = new Content();
  for (const operation of operations.slice(0, lasting)) content.apply(operation);
  const loose = operations.slice(lasting);
  if (loose.length === 0) return content.bytes;
  const likely = likelihood(fate);
  if (model === "ordered") {
    applyBeginning(content, loose, likely, random);
    return content.bytes;
  }
  const durable = content.size;
  applySectors(content, loose, likely, random);
  const most = Math.max(...loose.map(({ size, offset, bytes }) => size ?? offset + bytes.length));
  // A file may be as long as it would be with all its data, and have zeros for what is lost; or shorter.
  content.resize(random.pick([content.size, content.size, Math.max(content.size, most), durable]));
  return content.bytes;
}

/** Applies some of the operations, in order, the last of them in part. */
function applyBeginning(
  content: Content,
  loose: readonly DataOperation[],
  likely: number,
  random: Random,
): void {
  const kept = likely === 1 ? loose.length : random.below(1 + likely * loose.length);
  for (const operation of loose.slice(0, kept)) content.apply(operation);
  const torn = loose[kept];
  if (torn === undefined || likely === 0) return;
  content.apply({ ...torn, bytes: torn.bytes.subarray(0, random.below(torn.bytes.length + 1)) });
}

/** Applies operations in those of their sectors that are kept: of each, as it was after one of them. */
function applySectors(
  content: Content,
  loose: readonly DataOperation[],
  likely: number,
  random: Random,
): void {
  const sectors = new Map<number, DataOperation[]>();
  for (const operation of loose) {
    const { offset, bytes, size } = operation;
    if (size !== undefined && random.chance(likely)) content.apply(operation);
    for (let from = 0; from < bytes.length; ) {
      const sector = Math.floor((offset + from) / SECTOR);
      const to = Math.min(bytes.length, (sector + 1) * SECTOR - offset);
      const piece = { ...operation, offset: offset + from, bytes: bytes.subarray(from, to) };
      sectors.set(sector, [...(sectors.get(sector) ?? []), piece]);
      from = to;
    }
  }
  for (const pieces of sectors.values()) {
    const kept = random.chance(likely) ? pieces.length : random.below(likely === 0 ? 1 : pieces.length);
    for (const piece of pieces.slice(0, kept)) content.apply(piece);
  }
}

/** The bytes of a file that grows. */
class Content {
  #held: Buffer = Buffer.alloc(1 << 16);
  size = 0;

  get bytes(): Uint8Array {
    return this.#held.subarray(0, this.size);
  }

  apply({ offset, bytes, size }: DataOperation): void {
    if (size !== undefined) this.resize(size);
    else this.resize(Math.max(this.size, offset + bytes.length));
    bytes.copy(this.#held, offset);
  }

  resize(size: number): void {
    if (size > this.#held.length) this.#held = Buffer.concat([this.#held], 2 * size);
    // What is cut off must read as zeros where the file grows again.
    if (size < this.size) this.#held.fill(0, size, this.size);
    this.size = size;
  }
}

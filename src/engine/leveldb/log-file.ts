/*
 * The format of LevelDB's logs (NNNNNN.log) and MANIFEST-NNNNNN files:
 *
 *   file     = blocks of 32 KiB, the last one as long as it is
 *   block    = fragments, then fewer than 7 bytes of filling
 *   fragment = masked CRC-32C of all after the length (4 bytes), length of the data (2), type (1), data
 *   type     = 1: a whole record; 2, 3, 4: the first, a middle, the last part of one
 */
import { fixed32 } from "./byte-reader.ts";
import { crc32c, unmask } from "./crc32c.ts";
import type { FileReader } from "./file-reader.ts";

const BLOCK = 32768;
const HEADER = 7;
const FULL = 1;
const FIRST = 2;
const LAST = 4;
/** Blocks read at once. */
const STRETCH = 32 * BLOCK;

/** A stretch of a log that is not as it was written. */
export interface LogFlaw {
  readonly offset: number;
  readonly reason: string;
  /** "cut": the file ends within a record; "zeros": there is nothing where one should begin; "bad": anything else. */
  readonly kind: "cut" | "zeros" | "bad";
  /** Where the next record begins that is sound: then this is a hole, which no crash leaves; undefined at the end. */
  readonly until?: number;
}

/** Gets each sound record, and where it begins. What it gets is a view. */
type Visit = (record: Uint8Array, offset: number) => void;

export interface LogScanOptions {
  /** How many bytes of each record are wanted, at least; the rest is checked only. All by default. */
  readonly keep?: number | undefined;
  /** Gets each flaw as it is met, when it is not known yet whether records follow. */
  readonly onFlaw?: (flaw: LogFlaw) => void;
  /**
   * Whether the rest of a block is passed over behind a flaw, instead of looked through for the next record: what looks
   * like one there may be a part of somebody's value. False by default.
   */
  readonly skipsBlocks?: boolean;
}

/** Takes a log apart, block by block. After a flaw it goes on where the next record begins. */
export class LogScan {
  readonly flaws: LogFlaw[] = [];
  readonly #visit: Visit;
  readonly #keep: number;
  readonly #onFlaw: LogScanOptions["onFlaw"];
  readonly #skipsBlocks: boolean;
  #size = 0;
  /** Whether the scan is past a flaw, and has met no beginning of a record since. */
  #lost = false;
  #parts: Uint8Array[] = [];
  #kept = 0;
  #begun: number | undefined;

  constructor(visit: Visit, options: LogScanOptions = {}) {
    const { keep = Number.POSITIVE_INFINITY, onFlaw, skipsBlocks = false } = options;
    this.#visit = visit;
    this.#keep = keep;
    this.#onFlaw = onFlaw;
    this.#skipsBlocks = skipsBlocks;
  }

  /** Takes the next blocks; all but the last call with whole ones. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += BLOCK) this.#block(bytes.subarray(at, at + BLOCK));
  }

  /** @returns the flaws, in order */
  end(): readonly LogFlaw[] {
    if (this.#begun !== undefined) this.#flaw(this.#begun, "cut", "the file ends amid a record");
    return this.flaws;
  }

  #block(block: Uint8Array): void {
    const base = this.#size;
    this.#size += block.length;
    let at = 0;
    while (at + HEADER <= block.length) {
      const length = soundLength(block, at);
      if (length !== undefined) {
        this.#fragment(block, at, length, base + at);
        at += HEADER + length;
        continue;
      }
      if (!this.#lost) this.#flaw(base + at, ...complaint(block, at));
      // The length may be what is wrong, so that the next fragment may begin anywhere.
      at = this.#skipsBlocks ? block.length : at + 1;
    }
    const isCut = at < block.length && block.length < BLOCK;
    if (isCut && !this.#lost) this.#flaw(base + at, "cut", "the file ends amid a record");
  }

  #fragment(block: Uint8Array, at: number, length: number, offset: number): void {
    const type = block[at + 6] as number;
    const begins = type === FULL || type === FIRST;
    if (begins) {
      // A first part without data may stand alone at the end of a block.
      if (this.#begun !== undefined && this.#kept > 0)
        this.#flaw(this.#begun as number, "bad", "a record has no end");
      this.#find(offset);
      this.#parts = [];
      this.#kept = 0;
      this.#begun = offset;
    } else if (this.#begun === undefined) {
      if (!this.#lost) this.#flaw(offset, "bad", "a record has no beginning");
      return;
    }
    if (this.#kept < this.#keep) {
      const data = block.subarray(at + HEADER, at + HEADER + length);
      // What spans blocks outlives the buffer of the first one.
      this.#parts.push(type === FULL ? data : data.slice(0, this.#keep));
      this.#kept += length;
    }
    if (type !== FULL && type !== LAST) return;
    const record = this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts);
    const begun = this.#begun as number;
    this.#begun = undefined;
    this.#visit(record, begun);
  }

  #flaw(offset: number, kind: LogFlaw["kind"], reason: string): void {
    // A record that was begun and cannot end is where the flaw begins.
    const flaw = { offset: Math.min(offset, this.#begun ?? offset), kind, reason };
    this.flaws.push(flaw);
    this.#onFlaw?.(flaw);
    this.#begun = undefined;
    this.#lost = true;
  }

  #find(offset: number): void {
    if (!this.#lost) return;
    this.#lost = false;
    this.flaws.push({ ...(this.flaws.pop() as LogFlaw), until: offset });
  }
}

/** @returns the length of the data of the fragment that begins here; undefined where there is no sound one */
function soundLength(block: Uint8Array, at: number): number | undefined {
  const type = block[at + 6] as number;
  if (type < FULL || type > LAST) return undefined;
  const length = (block[at + 4] as number) + (block[at + 5] as number) * 256;
  const end = at + HEADER + length;
  if (end > block.length) return undefined;
  return crc32c(block, at + 6, end) === unmask(fixed32(block, at)) ? length : undefined;
}

function complaint(block: Uint8Array, at: number): [LogFlaw["kind"], string] {
  const length = (block[at + 4] as number) + (block[at + 5] as number) * 256;
  if (length === 0 && block[at + 6] === 0) return ["zeros", "there are zeros where a record should begin"];
  if (at + HEADER + length <= block.length) return ["bad", "a record does not match its checksum"];
  return block.length < BLOCK
    ? ["cut", "the file ends amid a record"]
    : ["bad", "a record is longer than its block"];
}

/** Takes a file apart that the reader has open. @returns its flaws, in order */
export async function scanLog(
  reader: FileReader,
  visit: Visit,
  options?: LogScanOptions,
): Promise<readonly LogFlaw[]> {
  const scan = new LogScan(visit, options);
  for (let at = 0; at < reader.size; at += STRETCH)
    scan.push(await reader.bytes(at, Math.min(STRETCH, reader.size - at)));
  return scan.end();
}

/** A record that is sound. */
export interface LogRecord {
  readonly offset: number;
  readonly record: Uint8Array;
}

/** The sound records of a log that is in memory, and between them its flaws; see {@link LogScanOptions.skipsBlocks}. */
export function* recordsOf(file: Uint8Array): Generator<LogRecord | LogFlaw> {
  const found: (LogRecord | LogFlaw)[] = [];
  const onFlaw = (flaw: LogFlaw) => found.push(flaw);
  const scan = new LogScan((record, offset) => found.push({ offset, record }), { onFlaw, skipsBlocks: true });
  for (let at = 0; at < file.length; at += BLOCK) {
    scan.push(file.subarray(at, at + BLOCK));
    yield* found.splice(0);
  }
  scan.end();
  yield* found;
}

export const isFlaw = (item: LogRecord | LogFlaw): item is LogFlaw => !("record" in item);

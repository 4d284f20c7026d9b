/** Reads what `export()` gave, line by line, and checks that it is whole. */
import { createHash, type Hash } from "node:crypto";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import { FORMAT, VERSION } from "./export.ts";

/** A record of an export. */
export interface ExportedRecord {
  readonly collection: string;
  /** As JSON has it: dates are text. */
  readonly json: object;
  /** The line that it stands in, from 1 on. */
  readonly line: number;
}

/** Text or bytes, however they are cut. */
export type Chunks = AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>;

/** The longest line that is taken: records are far smaller. */
const MAX_LINE = 64 * 1024 * 1024;

/**
 * The records of an export, in order. That it is whole shows with the last one.
 *
 * @throws DatabaseError `EXPORT_INVALID` with `details` { line }
 */
export async function* readExport(source: Chunks, tenantId: string): AsyncGenerator<ExportedRecord, void> {
  const hash = createHash("sha256");
  let number = 0;
  let records = 0;
  let isOver = false;
  for await (const text of linesOf(source)) {
    number++;
    if (isOver) throw invalid(number, "comes after the end");
    const value = parseLine(text, number);
    if (number === 1) checkHead(value, tenantId);
    else if (value["end"] === true) {
      checkEnd(value, records, hash, number);
      isOver = true;
    } else {
      const { collection, record } = value;
      if (typeof collection !== "string" || typeof record !== "object" || record === null)
        throw invalid(number, "is no record");
      records++;
      yield { collection, json: record, line: number };
    }
    hash.update(`${text}\n`);
  }
  if (!isOver) throw invalid(number, "is the last one, but the export has no end: it was cut off");
}

async function* linesOf(source: Chunks): AsyncGenerator<string, void> {
  const given: unknown = source;
  const isObject = typeof given === "object" && given !== null;
  if (typeof given !== "string" && !(isObject && (Symbol.asyncIterator in given || Symbol.iterator in given)))
    throw new DatabaseError(
      "EXPORT_INVALID",
      `An import takes an iterable of text or bytes, got ${show(given)}. Pass what export() gave.`,
    );
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  const decode = (chunk?: string | Uint8Array) => {
    try {
      return typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      throw new DatabaseError("EXPORT_INVALID", "The export is no UTF-8 text. Pass what export() gave.", {
        cause,
      });
    }
  };
  for await (const chunk of source) {
    const lines = (rest + decode(chunk)).split("\n");
    rest = lines.pop() as string;
    if (rest.length > MAX_LINE)
      throw new DatabaseError("EXPORT_INVALID", "The export has a line without an end.");
    yield* lines;
  }
  rest += decode();
  if (rest !== "") yield rest;
}

function parseLine(text: string, number: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(number, "is no JSON", cause);
  }
  if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  throw invalid(number, "is no JSON object");
}

function checkHead({ format, version, tenantId: owner }: Record<string, unknown>, tenantId: string): void {
  if (format !== FORMAT) throw invalid(1, "does not begin an export of a tenant");
  if (version !== VERSION)
    throw invalid(1, `is of version ${String(version)}, and this release reads ${VERSION}`);
  if (owner !== tenantId)
    throw invalid(
      1,
      `begins the export of the tenant ${JSON.stringify(owner)}, not of ${JSON.stringify(tenantId)}`,
    );
}

function checkEnd(
  { records, sha256 }: Record<string, unknown>,
  found: number,
  hash: Hash,
  number: number,
): void {
  if (records !== found) throw invalid(number, `tells of ${String(records)} records, but there are ${found}`);
  if (sha256 !== hash.copy().digest("hex"))
    throw invalid(number, "has another checksum than the lines before it");
}

function invalid(line: number, what: string, cause?: unknown): DatabaseError {
  return new DatabaseError(
    "EXPORT_INVALID",
    `Line ${line} of the export ${what}. Pass all that export() gave.`,
    {
      cause,
      details: { line },
    },
  );
}

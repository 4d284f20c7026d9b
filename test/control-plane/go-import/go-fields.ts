/** Reads a record of a Go file field by field, by the rules as they are told, with none of the code under test. */

type Raw = Readonly<Record<string, unknown>>;

/** Why a record must go to quarantine. */
export class Fault extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export function wrong(what: string): never {
  throw new Fault("RECORD_INVALID", what);
}

const isObject = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A record's bytes as an object. */
export function parseRecord(bytes: Buffer): Raw {
  const text = bytes.toString("utf8");
  if (!Buffer.from(text).equals(bytes)) wrong("not UTF-8");
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    wrong("not JSON");
  }
  return isObject(parsed) ? parsed : wrong("no object");
}

/** The fields of an object, each of which must be asked for. */
export class Fields {
  readonly #raw: Raw;
  readonly #left: Set<string>;

  constructor(raw: unknown) {
    this.#raw = isObject(raw) ? raw : wrong("no object");
    this.#left = new Set(Object.keys(this.#raw));
  }

  /** undefined for what is missing, or null. */
  any(name: string): unknown {
    this.#left.delete(name);
    return Object.hasOwn(this.#raw, name) ? (this.#raw[name] ?? undefined) : undefined;
  }

  /** @param most characters; `""` is a value only where `empty` says so */
  text(name: string, { most = 512, empty = false, or }: TextRule = {}): string | undefined {
    const value = this.any(name);
    if (value === undefined || (value === "" && !empty)) return or;
    return typeof value === "string" && value.length <= most ? value : wrong(`${name} is no text`);
  }

  must(name: string, rule?: TextRule): string {
    return this.text(name, rule) ?? wrong(`no ${name}`);
  }

  one<T extends string>(name: string, of: readonly T[], or?: T): T {
    const value = this.text(name, or === undefined ? {} : { or });
    return of.includes(value as T) ? (value as T) : wrong(`${name} is ${value}`);
  }

  count(name: string, zeroIsNone: boolean): number | undefined {
    const value = this.any(name);
    if (value === undefined || (value === 0 && zeroIsNone)) return undefined;
    return Number.isSafeInteger(value) && (value as number) >= 0
      ? (value as number)
      : wrong(`${name}: ${value}`);
  }

  flag(name: string): boolean {
    const value = this.any(name);
    return typeof value === "boolean" ? value : wrong(`${name} is not said`);
  }

  time(name: string): Date | undefined {
    const value = this.any(name);
    return value === undefined ? undefined : timeOf(value, name);
  }

  list(name: string): string[] {
    const value = this.any(name) ?? [];
    const isList = Array.isArray(value) && value.every((each) => typeof each === "string");
    return isList ? (value as string[]) : wrong(`${name} is no list`);
  }

  labels(name: string): Record<string, string> {
    const value = this.any(name) ?? {};
    if (!isObject(value) || Object.hasOwn(value, "__proto__")) return wrong(`${name} has no labels`);
    const isText = Object.values(value).every((each) => typeof each === "string" && each.length <= 1024);
    return isText ? (value as Record<string, string>) : wrong(`${name} is no map of text`);
  }

  object(name: string): Raw | undefined {
    const value = this.any(name);
    return value === undefined || isObject(value) ? value : wrong(`${name} is no object`);
  }

  end(): void {
    for (const name of this.#left) wrong(`nobody knows ${name}`);
  }
}

interface TextRule {
  readonly most?: number;
  readonly empty?: boolean;
  readonly or?: string;
}

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** The instant cut to milliseconds; undefined for Go's zero time. */
function timeOf(written: unknown, name: string): Date | undefined {
  const parts = TIME.exec(typeof written === "string" ? written : "");
  if (parts === null) return wrong(`${name} is no time`);
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day || month < 1)
    wrong(`${name} is no day`);
  local.setUTCHours(hour, minute, second, Number((parts[7] ?? "").padEnd(3, "0").slice(0, 3)));
  const offset = (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0)) * (parts[8] === "-" ? -1 : 1);
  const instant = new Date(local.getTime() - offset * 60_000);
  return instant.getTime() === Date.parse("0001-01-01T00:00:00Z") ? undefined : instant;
}

export function earliest(...times: (Date | undefined)[]): Date | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : new Date(Math.min(...known.map(Number)));
}

const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;
const V6 = /^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}$/;

/** Only the spellings that the program makes. */
export function isIp(text: string): boolean {
  const v4 = V4.exec(text);
  return v4 === null ? V6.test(text) : v4.slice(1).every((part) => Number(part) <= 255);
}

/** An address that may end in the length of one alone. */
export function nodeAddress(written: string | undefined): string | undefined {
  if (written === undefined) return undefined;
  const [address = "", length] = written.split("/");
  const whole = address.includes(":") ? "128" : "32";
  return isIp(address) && (length ?? whole) === whole ? address : wrong(`${written} is no address`);
}

/** An address that may have a port, as Go's RemoteAddr has. */
export function remoteAddress(written: string | undefined): string | undefined {
  if (written === undefined || isIp(written)) return written;
  const address = written.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  return isIp(address) ? address : wrong(`${written} is no address`);
}

export function cidrOf(written: string): string {
  const [address = "", length] = written.split("/");
  const most = address.includes(":") ? 128 : 32;
  const bits = Number(length ?? most);
  return isIp(address) && bits >= 0 && bits <= most ? `${address}/${bits}` : wrong(`${written} is no CIDR`);
}

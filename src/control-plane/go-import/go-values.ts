/** Times and addresses as Go programs write them. */
import { show } from "../../store/options.ts";
import { parseIp } from "../common/fields.ts";
import { fault, type Place, type Reader } from "./go-json.ts";

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;
/** Go's time that was never set: the first moment of the year 1. */
const ZERO_TIME = utcOf(1, 1, 1, 0, 0, 0).getTime();
const MINUTE_MS = 60_000;

/** Takes a time of RFC 3339, as Go's `time.Time` writes it; what is finer than a millisecond is cut off. */
export const time: Reader = (value, at) => {
  const date = typeof value === "string" ? parseTime(value) : undefined;
  if (date === undefined) return fault(at, `${show(value)} is no time as Go writes it`);
  return date.getTime() === ZERO_TIME ? undefined : date;
};

function parseTime(text: string): Date | undefined {
  const [, ...parts] = RFC3339.exec(text) ?? [];
  const [year, month, day, hour, minute, second] = parts.slice(0, 6).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [fraction = "", zone = "Z"] = parts.slice(6);
  if (parts.length === 0 || hour > 23 || minute > 59 || second > 59) return undefined;
  const local = utcOf(year, month, day, hour, minute, second);
  // A day that a month does not have would be one of the next.
  if (local.getUTCMonth() !== month - 1 || local.getUTCDate() !== day) return undefined;
  const offset = zoneOf(zone);
  if (offset === undefined) return undefined;
  return new Date(local.getTime() + Number(fraction.padEnd(3, "0").slice(0, 3)) - offset * MINUTE_MS);
}

/** `Date.UTC` takes the years 0 to 99 for those of another century. */
function utcOf(year: number, month: number, day: number, hour: number, minute: number, second: number): Date {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return date;
}

/** Minutes ahead of UTC. */
function zoneOf(zone: string): number | undefined {
  if (zone === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4));
  if (hours > 23 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

/** The last moment that a date can hold, in seconds. */
const LAST_SECOND = 8_640_000_000_000;

/** Takes Unix seconds; 0 is no time. */
export const unixSeconds: Reader = (value, at) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0 || (value as number) > LAST_SECOND)
    return fault(at, `${show(value)} is no Unix time in seconds`);
  return value === 0 ? undefined : new Date((value as number) * 1000);
};

/** Takes an address that may stand as a range of its own: `10.42.0.3/32`. */
export const hostAddress: Reader = (value, at) => {
  if (typeof value !== "string" || !value.includes("/")) return value === "" ? undefined : value;
  const [address = "", bits = ""] = value.split("/");
  return `${address}/${bits}` === value && bits === bitsOf(address)
    ? address
    : fault(at, `${show(value)} is a range of addresses, not one address`);
};

/** Takes an address with or without the port that it was reached from: `10.0.0.1:5555`, `[::1]:5555`. */
export const remoteAddress: Reader = (value) => {
  if (typeof value !== "string") return value;
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([^:]*)):\d{1,5}$/.exec(value) ?? [];
  return (bracketed ?? plain ?? value) === "" ? undefined : (bracketed ?? plain ?? value);
};

/** Takes the values of a target of CIDRs, in which an address stands for itself. */
export function asRange(value: unknown): unknown {
  const bits = typeof value === "string" && !value.includes("/") ? bitsOf(value) : undefined;
  return bits === undefined ? value : `${String(value)}/${bits}`;
}

/** The length of a prefix that leaves one address. @returns undefined for what is no address */
function bitsOf(address: string): string | undefined {
  if (parseIp(address) === undefined) return undefined;
  return address.includes(":") ? "128" : "32";
}

const ANY_PORT = new Set(["any", "all", "*"]);

/** Takes ports: a word for all of them, alone, is none in particular. */
export const portList: Reader = (value) =>
  Array.isArray(value) && value.length === 1 && ANY_PORT.has(value[0]) ? [] : value;

/** Takes a SHA-256 in hex as the secret of an API key. */
export const secretHash: Reader = (value, at: Place) =>
  typeof value === "string" && /^[0-9a-fA-F]{64}$/.test(value)
    ? value.toLowerCase()
    : fault(at, "The secret is not hashed with SHA-256 in hex: make a new key in its place");

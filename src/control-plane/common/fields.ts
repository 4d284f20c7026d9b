/** The checks that fields of several models share. What is the same is written the same: keys depend on it. */
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { show } from "../../store/options.ts";
import { DURATION_MESSAGE, nanosecondsOf } from "./durations.ts";
import { copyJson, hasNoProto, isPlain, type JsonObject, NotJson, PROTO_REFUSED } from "./json-object.ts";

/** Characters that an id has at the most: two of them, and dates, fit into a key with room to spare. */
const MAX_ID = 512;

/** An id is the caller's choice: any text but none. */
export const id = z
  .string()
  .min(1, "An id has at least one character")
  .max(MAX_ID)
  .refine((text) => text.isWellFormed(), "An id must be well-formed text, without lone surrogates");

export const name = z.string().max(512);
export const text = z.string().max(65_536);

/** Free labels: text by text. */
export const labels = z
  .custom<Record<string, string>>(hasNoProto, PROTO_REFUSED)
  .pipe(z.record(z.string().min(1).max(256), z.string().max(1024)));

/** A JSON object of any shape, copied: what the caller does to it later does not matter. */
export const anyObject = z
  .custom<JsonObject>(isPlain, "It must be a JSON object")
  .transform((given, context) => {
    const copied = copyJson(given);
    if (!(copied instanceof NotJson)) return copied as JsonObject;
    context.addIssue({ code: "custom", message: copied.message, path: copied.path });
    return z.NEVER;
  });

/** In lower case: two spellings of one address must not be two users. */
export const email = z.string().trim().toLowerCase().pipe(z.email().max(320));

/** An IPv4 or IPv6 address in its canonical spelling. */
export const ipAddress = z.string().transform((written, context) => {
  const address = parseIp(written);
  if (address !== undefined) return address.toString();
  context.addIssue({ code: "custom", message: `${show(written)} is no IPv4 or IPv6 address` });
  return z.NEVER;
});

/** A range of addresses in CIDR notation, in its canonical spelling; bits below the prefix are kept. */
export const cidr = z.string().transform((written, context) => {
  const range = parseCidr(written);
  if (range !== undefined) return `${range[0].toString()}/${range[1]}`;
  context.addIssue({ code: "custom", message: `${show(written)} is no CIDR, such as 10.0.0.0/24` });
  return z.NEVER;
});

const WIREGUARD_KEY_BYTES = 32;
const WIREGUARD_KEY_CHARACTERS = 44;

/** A WireGuard public key: 32 bytes in base64, not all zero. */
export const publicKey = z.string().refine((written) => {
  if (written.length !== WIREGUARD_KEY_CHARACTERS) return false;
  // Node reads base64 of any shape: only what it would write itself is one spelling for one key.
  const bytes = Buffer.from(written, "base64");
  const isWhole = bytes.length === WIREGUARD_KEY_BYTES && bytes.toString("base64") === written;
  return isWhole && bytes.some((byte) => byte !== 0);
}, "A WireGuard public key is 32 bytes in base64: 44 characters, the last one =");

/** A length of time as Go and Prometheus write it, from 0 on: `90s`, `5m`, `1h30m`. It is kept as it is written. */
export const duration = z
  .string()
  .max(64)
  .refine((written) => nanosecondsOf(written) !== undefined, DURATION_MESSAGE);

const MAX_PORT = 65_535;

/** A port or a range of ports: `80`, `8000-8080`. */
export const ports = z
  .string()
  .regex(/^(0|[1-9]\d{0,4})(-(0|[1-9]\d{0,4}))?$/, "A port reads as 80, a range of ports as 8000-8080")
  .refine((written) => {
    const [from, to] = portRange(written);
    return from <= to && to <= MAX_PORT;
  }, "Ports lie between 0 and 65535, and a range goes upwards");

/** @returns the first and the last port of a range */
export function portRange(written: string): readonly [from: number, to: number] {
  const [from, to] = written.split("-").map(Number) as [number, number?];
  return [from, to ?? from];
}

/** An IP address as it is compared: an IPv4 address within IPv6 is the IPv4 address. */
export type Ip = ipaddr.IPv4 | ipaddr.IPv6;

/** Characters of an address at the most: eight groups, the last two as IPv4. */
const MAX_ADDRESS = 45;

/** @returns undefined for what is no address, or one with a zone */
export function parseIp(written: string): Ip | undefined {
  if (typeof written !== "string" || written.length > MAX_ADDRESS) return undefined;
  // Old ways to write IPv4, as 10.1, 010.0.0.1 or 0x0a000001, mean different things to different programs.
  const dotted = written.slice(written.lastIndexOf(":") + 1);
  const isDotted = ipaddr.IPv4.isValidFourPartDecimal(dotted);
  if (dotted === written) return isDotted ? ipaddr.IPv4.parse(written) : undefined;
  if (dotted.includes(".") && !isDotted) return undefined;
  // The library takes ::10.0.0.1 for 10.0.0.1, which is another address: it gets its hexadecimal spelling.
  const hex = isDotted ? written.slice(0, -dotted.length) + hexOf(dotted) : written;
  if (hex.includes("%") || !ipaddr.IPv6.isValid(hex)) return undefined;
  return ipaddr.process(hex);
}

/** The last two groups of an IPv6 address that ends in an IPv4 one. */
function hexOf(dotted: string): string {
  const [a, b, c, d] = dotted.split(".").map(Number) as [number, number, number, number];
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** @returns undefined for what is no range */
export function parseCidr(written: string): readonly [Ip, number] | undefined {
  const [address = "", length = ""] = written.split("/");
  const ip = written.split("/").length === 2 ? parseIp(address) : undefined;
  if (ip === undefined || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  const isMapped = ip.kind() === "ipv4" && address.includes(":");
  const bits = Number(length) - (isMapped ? 96 : 0);
  return bits >= 0 && bits <= (ip.kind() === "ipv4" ? 32 : 128) ? [ip, bits] : undefined;
}

/** Whether a range holds an address: IPv4 addresses lie in ranges of IPv4 alone, IPv6 ones in those of IPv6. */
export function isWithin(ip: Ip, [start, bits]: readonly [Ip, number]): boolean {
  return ip.kind() === start.kind() && ip.match(start, bits);
}

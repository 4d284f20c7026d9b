/** Damages to the files of a store, at random. */
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { dataFiles, manifestOf, reseal, type Shape } from "./shapes.ts";

type Random = (below: number) => number;

/** What was done to a store. */
export interface Damage {
  readonly what: string;
  /** Whether the file's times are as before, so that only `verify: "always"` looks. */
  readonly isForged: boolean;
  /** Whether the end of what a killed process wrote may be gone unnoticed. */
  readonly mayEnd: boolean;
  /** Whether it can be made good by itself, so that an error would be wrong. */
  readonly isHarmless: boolean;
}

interface Site {
  readonly directory: string;
  readonly shape: Shape;
  readonly random: Random;
}

const NOTHING = { isForged: false, mayEnd: false, isHarmless: false } as const;

/** Replaces a file's content without touching the file that other copies share. */
function rewrite(directory: string, name: string, content: Uint8Array): void {
  const path = join(directory, name);
  writeFileSync(`${path}.damaged`, content);
  renameSync(`${path}.damaged`, path);
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[random(items.length)] as T;
}

/** A data file; those that there are few of as often as tables. */
function pickFile({ directory, random }: Site): string {
  const names = dataFiles(directory).filter((name) => name !== "meshgate.seal");
  const kinds = [/\.ldb$/, /\.log$/, /^MANIFEST/, /^CURRENT$/];
  const weighted = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3].map((kind) => kinds[kind] as RegExp);
  for (;;) {
    const kind = pick(weighted, random);
    const some = names.filter((name) => kind.test(name));
    if (some.length > 0) return pick(some, random);
  }
}

/** A place in a file: often near its ends, where headers and footers are. */
function pickPlace(size: number, random: Random): number {
  const near = Math.min(size, 64);
  const places = [() => random(near), () => size - 1 - random(near), () => random(size), () => random(size)];
  return pick(places, random)();
}

function isNewestLog(directory: string, name: string): boolean {
  return (
    name ===
    readdirSync(directory)
      .filter((each) => each.endsWith(".log"))
      .sort()
      .at(-1)
  );
}

/** A log that no other log follows may have lost its end, and a manifest one that was not synced. */
function mayEnd({ directory, shape }: Site, name: string): boolean {
  return !shape.isClean && isNewestLog(directory, name);
}

function flip(site: Site): Damage | undefined {
  const { directory, random } = site;
  const name = pickFile(site);
  const content = readFileSync(join(directory, name));
  if (content.length === 0) return undefined;
  const at = pickPlace(content.length, random);
  const before = content[at] as number;
  content[at] = before ^ (random(2) === 0 ? 1 << random(8) : 1 + random(255));
  const ends = mayEnd(site, name);
  rewrite(directory, name, content);
  const isForged = random(3) === 0;
  if (isForged) reseal(directory);
  return { ...NOTHING, what: `${name}: byte ${at} from ${before} to ${content[at]}`, isForged, mayEnd: ends };
}

function blank(site: Site): Damage | undefined {
  const { directory, random } = site;
  const name = pickFile(site);
  const content = readFileSync(join(directory, name));
  if (content.length === 0) return undefined;
  const at = Math.floor(random(content.length) / 512) * 512;
  content.fill(
    random(2) === 0 ? 0 : 0xa5,
    at,
    Math.min(content.length, at + pick([512, 4096, 40_000], random)),
  );
  const ends = mayEnd(site, name);
  rewrite(directory, name, content);
  return { ...NOTHING, what: `${name}: overwritten from byte ${at}`, mayEnd: ends };
}

function cut(site: Site): Damage | undefined {
  const { directory, random } = site;
  const name = pickFile(site);
  const content = readFileSync(join(directory, name));
  if (content.length === 0) return undefined;
  const length = random(2) === 0 ? random(content.length) : Math.max(0, content.length - 1 - random(80));
  const ends = mayEnd(site, name);
  rewrite(directory, name, content.subarray(0, length));
  return { ...NOTHING, what: `${name}: cut from ${content.length} to ${length} bytes`, mayEnd: ends };
}

function grow(site: Site): Damage {
  const { directory, random } = site;
  const name = pickFile(site);
  const content = readFileSync(join(directory, name));
  const more = Buffer.alloc(1 + random(3000), random(2) === 0 ? 0 : 0x5a);
  rewrite(directory, name, Buffer.concat([content, more]));
  return { ...NOTHING, what: `${name}: ${more.length} bytes added` };
}

function lose(site: Site): Damage {
  const { directory } = site;
  const name = pickFile(site);
  rmSync(join(directory, name));
  return { ...NOTHING, what: `${name}: gone` };
}

/** Another manifest is named: one that is gone, an earlier one, or an earlier state of this one. */
function misname({ directory, shape, random }: Site): Damage {
  const number = pick([1, 2, 3, 999_999], random);
  const name = `MANIFEST-${String(number).padStart(6, "0")}`;
  const source = pick(["none", "earlier", "cut"], random);
  if (source === "earlier")
    rewrite(directory, name, readFileSync(join(shape.earlier, manifestOf(shape.earlier))));
  if (source === "cut") {
    const content = readFileSync(join(directory, manifestOf(directory)));
    rewrite(directory, name, content.subarray(0, random(content.length)));
  }
  rewrite(directory, "CURRENT", Buffer.from(`${name}\n`));
  return { ...NOTHING, what: `CURRENT names ${name} (${source})` };
}

/** A file is as it was at an earlier time, or another file's content stands under its name. */
function swap(site: Site): Damage | undefined {
  const { directory, shape, random } = site;
  const name = pickFile(site);
  const kind = name.replace(/\d+/, "");
  const pool = [directory, shape.earlier].flatMap((from) =>
    dataFiles(from)
      .filter((other) => other.replace(/\d+/, "") === kind)
      .map((other) => join(from, other)),
  );
  const source = pick(pool, random);
  const content = readFileSync(source);
  if (content.equals(readFileSync(join(directory, name)))) return undefined;
  const ends = mayEnd(site, name);
  rewrite(directory, name, content);
  return { ...NOTHING, what: `${name}: content of ${source}`, mayEnd: ends };
}

/** A log of an earlier time, or of another number, lies beside. */
function stray({ directory, shape, random }: Site): Damage | undefined {
  const logs = [directory, shape.earlier].flatMap((from) =>
    dataFiles(from)
      .filter((name) => name.endsWith(".log"))
      .map((name) => join(from, name)),
  );
  if (logs.length === 0) return undefined;
  const source = pick(logs, random);
  const name = `${String(pick([1, 90, 999], random)).padStart(6, "0")}.log`;
  rewrite(directory, name, readFileSync(source));
  return { ...NOTHING, what: `${name}: a copy of ${source}` };
}

/** The files that hold no rows: nothing of that may keep the store from opening. */
function besides({ directory, random }: Site): Damage | undefined {
  const path = join(directory, "meshgate.seal");
  const harmless = { ...NOTHING, isHarmless: true };
  if (random(3) === 0) {
    const owner = { pid: 999_999_999, thread: null, started: null, token: "stale" };
    writeFileSync(join(directory, "meshgate.lock"), JSON.stringify(owner));
    return { ...harmless, what: "a stale lock" };
  }
  if (!readdirSync(directory).includes("meshgate.seal")) return undefined;
  const content = readFileSync(path);
  const at = random(content.length);
  switch (random(4)) {
    case 0:
      rmSync(path);
      return { ...harmless, what: "meshgate.seal: gone" };
    case 1:
      truncateSync(path, at);
      return { ...harmless, what: `meshgate.seal: cut to ${at} bytes` };
    case 2:
      appendFileSync(path, "}");
      return { ...harmless, what: "meshgate.seal: more than there was" };
    default:
      content[at] = (content[at] as number) ^ (1 + random(255));
      writeFileSync(path, content);
      return { ...harmless, what: `meshgate.seal: byte ${at} changed` };
  }
}

const KINDS = [flip, flip, flip, flip, flip, blank, cut, cut, cut, grow, lose, misname, swap, stray, besides];

/** Damages a copy of a store. */
export function damageOne(directory: string, shape: Shape, random: Random): Damage {
  for (;;) {
    const done = pick(KINDS, random)({ directory, shape, random });
    if (done !== undefined) return done;
  }
}

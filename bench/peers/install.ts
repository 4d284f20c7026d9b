// Gets the peers where they are not there yet: npm packages into bench/, Go and bbolt from Debian's packages.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Need } from "./model.ts";
import type { Programs } from "./peer-process.ts";

const BENCH = fileURLToPath(new URL("..", import.meta.url));
const GO = fileURLToPath(new URL("./go", import.meta.url));
/** Installs Go and bbolt; what it builds besides is not needed here. */
const INSTALL_GO = fileURLToPath(new URL("../../test/bolt/go/install.sh", import.meta.url));
const GO_PATH = "/usr/share/gocode";
const require = createRequire(import.meta.url);

/** What can be measured and drawn here. */
export interface Installed {
  readonly programs: Programs;
  /** The versions of what is there, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** Why a peer is not there. */
  readonly missing: ReadonlyMap<Need, string>;
  readonly canDraw: boolean;
}

/**
 * Makes sure that the peers are there, as far as that is possible.
 *
 * @param directory where programs that are built may lie
 * @param mayInstall whether what is absent is installed
 */
export function installPeers(directory: string, mayInstall: boolean): Installed {
  const missing = new Map<Need, string>();
  const versions: Record<string, string> = { "classic-level": versionOf("classic-level") };
  if (mayInstall && !(isThere("better-sqlite3") && isThere("lmdb") && isThere("vega-lite")))
    installPackages();
  for (const name of ["better-sqlite3", "lmdb"] as const) {
    const problem = problemWith(name);
    if (problem === undefined) versions[name] = versionOf(name);
    else missing.set(name, problem);
  }
  if (versions["better-sqlite3"] !== undefined) versions["SQLite"] = sqliteVersion();
  const bbolt = buildBolt(directory, mayInstall);
  if (bbolt.problem !== undefined) missing.set("bbolt", bbolt.problem);
  else Object.assign(versions, bbolt.versions);
  return { programs: { bbolt: bbolt.program }, versions, missing, canDraw: isThere("vega-lite") };
}

function installPackages(): void {
  process.stderr.write("Installing the peers in bench/ (a compiler may have to run)\n");
  npm("ci", "--no-audit", "--no-fund");
  // npm may leave install scripts out unless asked: better-sqlite3 gets its binary by one.
  if (problemWith("better-sqlite3") !== undefined) npm("rebuild", "better-sqlite3", "--ignore-scripts=false");
}

function npm(...args: string[]): void {
  const { status } = spawnSync("npm", args, {
    cwd: BENCH,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
  if (status !== 0) process.stderr.write(`npm ${args.join(" ")} failed\n`);
}

/** Whether a package of bench/package.json is there: one of that name elsewhere does not count. */
function isThere(name: string): boolean {
  return existsSync(join(BENCH, "node_modules", name, "package.json"));
}

/** Why a package cannot be used; a process of its own loads it, since this one measures nothing with it. */
function problemWith(name: Need): string | undefined {
  if (!isThere(name)) return "it is not installed in bench/";
  const text = name === "lmdb" ? `await import("lmdb")` : `new (await import("${name}")).default(":memory:")`;
  const args = ["--input-type=module", "--eval", text];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: BENCH, encoding: "utf8" });
  if (status === 0) return undefined;
  return stderr.split("\n").find((line) => line.includes("Error")) ?? "it cannot be loaded";
}

function versionOf(name: string): string {
  const own = join(BENCH, "node_modules", name, "package.json");
  const file = existsSync(own) ? own : join(BENCH, "..", "node_modules", name, "package.json");
  return JSON.parse(readFileSync(file, "utf8")).version;
}

function sqliteVersion(): string {
  const Database = require("better-sqlite3");
  return new Database(":memory:").prepare("SELECT sqlite_version()").pluck().get();
}

/** The program with bbolt, or why there is none. */
interface Built {
  readonly program: string | undefined;
  readonly problem?: string;
  readonly versions?: Readonly<Record<string, string>>;
}

function buildBolt(directory: string, mayInstall: boolean): Built {
  const bboltThere = existsSync(join(GO_PATH, "src/go.etcd.io/bbolt"));
  const goThere = spawnSync("go", ["version"]).status === 0;
  if (mayInstall && !(bboltThere && goThere) && process.platform === "linux") {
    process.stderr.write("Installing Go and bbolt from Debian's packages\n");
    const { status, stdout } = spawnSync("sh", [INSTALL_GO, join(directory, "unused")], { encoding: "utf8" });
    if (status !== 0) return { program: undefined, problem: stdout.trim().split("\n").at(-1) ?? "" };
  } else if (!bboltThere || !goThere) {
    return { program: undefined, problem: "Go or Debian's golang-github-coreos-bbolt-dev is not installed" };
  }
  const program = join(directory, "bbolt-peer");
  const { status, stderr } = spawnSync("go", ["build", "-o", program, "."], {
    cwd: GO,
    encoding: "utf8",
    env: {
      GOCACHE: join(tmpdir(), `meshgate-go-cache-${userInfo().uid}`),
      ...process.env,
      GO111MODULE: "off",
      GOFLAGS: "",
      GOPATH: GO_PATH,
    },
  });
  if (status !== 0) return { program: undefined, problem: stderr.trim().split("\n").at(-1) ?? "" };
  return { program, versions: { Go: output(program, "version"), bbolt: bboltVersion() } };
}

function bboltVersion(): string {
  const version = output("dpkg-query", "-W", "-f=$" + "{Version}", "golang-github-coreos-bbolt-dev");
  return version === "" ? "unknown" : version;
}

function output(program: string, ...args: string[]): string {
  const { status, stdout } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "";
}

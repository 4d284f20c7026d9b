/** What the package has to offer, found in what it exports: nothing is listed by hand. */
import { readFileSync } from "node:fs";
import * as library from "@meshgate/database";

const SRC = new URL("../../src/", import.meta.url);
const read = (path: string) => readFileSync(new URL(path, SRC), "utf8");

/** A class that is exported, be it by its type alone. */
export interface PublicClass {
  readonly name: string;
  readonly prototype: object;
}

/** Which of the tests calls the methods of a class. */
export type Part = "transactions" | "stores" | "databases";
const classes = (part: Part, names: string) =>
  Object.fromEntries(names.split(" ").map((name) => [name, part]));
export const PARTS: Readonly<Record<string, Part>> = {
  ...classes(
    "transactions",
    "Transaction Bucket BucketParent Cursor Range Queries Records IndexQueries Pages",
  ),
  ...classes("stores", "Store Collection Migrations"),
  ...classes(
    "databases",
    "Database DatabaseTransaction Operations SystemOperations TenantHandle TenantOperations",
  ),
  ...classes(
    "databases",
    "Users Nodes NodeGroups NetworkPolicies AlertRules NotificationChannels ApiKeys Sessions",
  ),
  ...classes("databases", "AuditTrail Metrics NodeMetricsLog Quota Tenants Quarantine Retention"),
};

/** The functions that are exported, and those of objects that are. */
export function publicFunctions(): Map<string, (...args: unknown[]) => unknown> {
  const functions = new Map<string, (...args: unknown[]) => unknown>();
  for (const [name, value] of Object.entries(library) as [string, unknown][]) {
    // An error is made by the library; what a caller makes of the class is its own affair.
    if (value === library.DatabaseError) continue;
    if (typeof value === "function") functions.set(name, value as never);
    else
      for (const [inner, method] of Object.entries(value as object))
        functions.set(`${name}.${inner}`, method as never);
  }
  return functions;
}

/** The classes of which a caller gets instances. */
export async function publicClasses(): Promise<PublicClass[]> {
  const classes: PublicClass[] = [];
  for (const [, names, path] of read("index.ts").matchAll(/\{([^}]+)\} from "\.\/([^"]+)"/g)) {
    const text = read(path as string);
    for (const name of (names as string)
      .split(",")
      .map((each) => each.trim().replace(/^type | as .*/g, ""))) {
      if (!new RegExp(`^export (abstract )?class ${name}\\b`, "m").test(text)) continue;
      const made = ((await import(new URL(path as string, SRC).href)) as Record<string, PublicClass>)[name];
      if (name !== "DatabaseError" && made !== undefined) classes.push({ name, prototype: made.prototype });
    }
  }
  return classes;
}

/** Methods that the sources keep from callers: marked as internal, or protected. */
const internals = new Map<string, ReadonlySet<string>>();

/** @param files those of the package, below src */
export function noteInternals(files: readonly string[]): void {
  for (const file of files) {
    let name = "";
    const names = new Map<string, Set<string>>();
    const found =
      /^(?:export )?(?:abstract )?class (\w+)|@internal(?:(?!\*\/)[\s\S])*\*\/\s+(?:(?:protected|override|async|get|abstract) )*(\w+)|^ {2}protected (?:(?:override|async|abstract) )*(\w+)/gm;
    for (const [, opened, internal, guarded] of read(file).matchAll(found)) {
      if (opened !== undefined) name = opened;
      else names.set(name, (names.get(name) ?? new Set()).add((internal ?? guarded) as string));
    }
    for (const [of, all] of names) internals.set(of, all);
  }
}

/** The names of an object's public methods, its own and inherited ones; `Symbol.asyncIterator` and the like, too. */
export function publicMethods(prototype: object): PropertyKey[] {
  const names = new Set<PropertyKey>();
  for (
    let level = prototype;
    level !== null && level !== Object.prototype;
    level = Object.getPrototypeOf(level)
  )
    for (const name of Reflect.ownKeys(level)) {
      const { value } = Object.getOwnPropertyDescriptor(level, name) as PropertyDescriptor;
      if (typeof value !== "function" || name === "constructor") continue;
      if (internals.get(level.constructor.name)?.has(String(name)) !== true) names.add(name);
    }
  return Array.from(names);
}

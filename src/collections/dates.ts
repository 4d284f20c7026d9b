/*
 * JSON has no dates. A zod schema tells at which places of a record its dates are, so that they can be kept as ISO
 * text (what `JSON.stringify` writes) and read back as dates, without a mark in the row.
 */
import { DatabaseError } from "../errors.ts";
import { readDate } from "./iso-date.ts";
import type { Schema } from "./schema.ts";

/** Where the dates of a value are: the value itself, fields of it, or all that it contains. */
export type DatePlan =
  | { readonly kind: "date" }
  | { readonly kind: "fields"; readonly fields: ReadonlyMap<string, DatePlan> }
  | { readonly kind: "items"; readonly item: DatePlan };

/** What zod 4 tells of a schema: the parts of `_zod.def` that matter here. */
interface ZodDefinition {
  readonly type: string;
  readonly innerType?: ZodSchema;
  readonly shape?: Readonly<Record<string, ZodSchema>>;
  readonly catchall?: ZodSchema;
  readonly element?: ZodSchema;
  readonly valueType?: ZodSchema;
  readonly options?: readonly ZodSchema[];
  readonly items?: readonly ZodSchema[];
  readonly rest?: ZodSchema | null;
  readonly left?: ZodSchema;
  readonly right?: ZodSchema;
  readonly out?: ZodSchema;
  readonly getter?: () => ZodSchema;
}

interface ZodSchema {
  readonly _zod: { readonly def: ZodDefinition };
}

/**
 * Finds the dates of a schema.
 *
 * @returns undefined where there are none, or the schema is not zod's
 * @throws DatabaseError `COLLECTION_INVALID` where a place may hold a date or something else
 */
export function planDates(schema: Schema, collection: string): DatePlan | undefined {
  if (schema["~standard"].vendor !== "zod" || !("_zod" in schema)) return undefined;
  return new Planner(collection).plan(schema as unknown as ZodSchema, "");
}

/** Whether a schema is zod's and of an object: then what it gives is a new plain object. */
export function isZodObject(schema: Schema): boolean {
  if (schema["~standard"].vendor !== "zod" || !("_zod" in schema)) return false;
  return (schema as unknown as ZodSchema)._zod.def.type === "object";
}

/** Schemas within one another at the most: as deep as JSON may be. */
const MAX_DEPTH = 500;

class Planner {
  readonly #collection: string;
  /** Schemas that are being looked at: one met again contains itself. */
  readonly #within = new Set<object>();
  readonly #recursive = new Set<object>();

  constructor(collection: string) {
    this.#collection = collection;
  }

  plan(schema: ZodSchema, path: string): DatePlan | undefined {
    // A getter may make a new schema each time: then it is the getter that is met again.
    const met = schema._zod.def.getter ?? schema;
    if (this.#within.has(met)) {
      this.#recursive.add(met);
      return undefined;
    }
    if (this.#within.size === MAX_DEPTH)
      throw this.#refused(path, "too deep to be found, or a schema without an end");
    this.#within.add(met);
    const plan = this.#planOf(schema._zod.def, path);
    this.#within.delete(met);
    if (plan !== undefined && this.#recursive.has(met))
      throw this.#refused(path, "in a schema that contains itself");
    return plan;
  }

  #planOf(def: ZodDefinition, path: string): DatePlan | undefined {
    switch (def.type) {
      case "date":
        return { kind: "date" };
      case "object":
        return this.#fields(def, path);
      case "array":
      case "record":
        return this.#items([def.element ?? def.valueType], path);
      case "tuple":
        return this.#items([...(def.items ?? []), def.rest ?? undefined], path);
      case "union":
        return this.#same(def.options ?? [], path);
      case "intersection":
        return this.#merge([def.left, def.right], path, "all");
      case "lazy":
        return def.getter === undefined ? undefined : this.plan(def.getter(), path);
      default: {
        const inner = def.innerType ?? def.out;
        return inner === undefined ? undefined : this.plan(inner, path);
      }
    }
  }

  #fields(def: ZodDefinition, path: string): DatePlan | undefined {
    const fields = new Map<string, DatePlan>();
    for (const [name, field] of Object.entries(def.shape ?? {})) {
      const plan = this.plan(field, `${path}.${name}`);
      if (plan !== undefined) fields.set(name, plan);
    }
    const others = def.catchall === undefined ? undefined : this.plan(def.catchall, `${path}.*`);
    if (others !== undefined) throw this.#refused(path, "among fields without names");
    return fields.size === 0 ? undefined : { kind: "fields", fields };
  }

  #items(schemas: readonly (ZodSchema | undefined)[], path: string): DatePlan | undefined {
    const present = schemas.filter((schema) => schema !== undefined);
    const item = this.#same(present, `${path}[]`);
    return item === undefined ? undefined : { kind: "items", item };
  }

  /** The plan that holds for all alternatives: null and undefined have no dates, whatever the plan says. */
  #same(options: readonly ZodSchema[], path: string): DatePlan | undefined {
    const present = options.filter(({ _zod: { def } }) => def.type !== "null" && def.type !== "undefined");
    const objects = present.every(({ _zod: { def } }) => def.type === "object");
    if (objects) return this.#merge(present, path, "one");
    const plans = present.map((option) => this.plan(option, path));
    const [first] = plans;
    if (plans.every((plan) => JSON.stringify(spellPlan(plan)) === JSON.stringify(spellPlan(first))))
      return first;
    throw this.#refused(path, "as one of several alternatives");
  }

  /** The fields of several objects, of which a value fits one or all, each a date in all that have it, or in none. */
  #merge(
    schemas: readonly (ZodSchema | undefined)[],
    path: string,
    fits: "one" | "all",
  ): DatePlan | undefined {
    const byField = new Map<string, ZodSchema[]>();
    for (const schema of schemas) {
      if (schema === undefined) continue;
      const { def } = schema._zod;
      if (def.type !== "object") {
        if (this.plan(schema, path) !== undefined) throw this.#refused(path, "in an intersection");
        continue;
      }
      for (const [name, field] of Object.entries(def.shape ?? {}))
        byField.set(name, [...(byField.get(name) ?? []), field]);
    }
    const fields = new Map<string, DatePlan>();
    for (const [name, alternatives] of byField) {
      const plan = this.#same(alternatives, `${path}.${name}`);
      if (plan === undefined) continue;
      fields.set(name, plan);
      if (fits === "one" && schemas.some((schema) => mayHaveUnnamed(schema, name)))
        throw this.#refused(path, "in a loose object's field");
    }
    return fields.size === 0 ? undefined : { kind: "fields", fields };
  }

  #refused(path: string, where: string): DatabaseError {
    return new DatabaseError(
      "COLLECTION_INVALID",
      `The schema of the collection ${JSON.stringify(this.#collection)} has a date ${where}${path === "" ? "" : ` at ${path.slice(1)}`}: read back from JSON, it could not be told from text. Use z.iso.datetime() there, or a field of its own.`,
    );
  }
}

/** Whether an object may have a field that its shape does not name. */
function mayHaveUnnamed(schema: ZodSchema | undefined, name: string): boolean {
  const { shape = {}, catchall } = schema?._zod.def ?? {};
  return catchall !== undefined && catchall._zod.def.type !== "never" && !Object.hasOwn(shape, name);
}

/** A plan as plain data, to be compared and kept. */
export function spellPlan(plan: DatePlan | undefined): unknown {
  if (plan?.kind === "fields")
    return Array.from(plan.fields, ([name, field]) => [name, spellPlan(field)]).sort();
  return plan?.kind === "items" ? ["[]", spellPlan(plan.item)] : plan?.kind;
}

/** A copy of the value with its dates as ISO text. What is no valid date stays, to be refused later. */
export function datesToText(value: unknown, plan: DatePlan): unknown {
  // A date's own methods may say anything: keys and text must say the same.
  const { getTime, toISOString } = Date.prototype;
  return mapDates(value, plan, copyOf, (date) =>
    date instanceof Date && !Number.isNaN(getTime.call(date)) ? toISOString.call(date) : date,
  );
}

/** Puts dates where the plan has them, in a value fresh from JSON. What is no date's text stays as it is. */
export function textToDates(value: unknown, plan: DatePlan): unknown {
  return mapDates(value, plan, itself, (text) => {
    if (typeof text !== "string") return text;
    const date = readDate(text);
    return Number.isNaN(date.getTime()) ? text : date;
  });
}

type Container = Record<string, unknown>;

function copyOf(value: object): Container {
  return (Array.isArray(value) ? value.slice() : { ...value }) as Container;
}

function itself(value: object): Container {
  return value as Container;
}

function mapDates(
  value: unknown,
  plan: DatePlan,
  target: (value: object) => Container,
  change: (value: unknown) => unknown,
): unknown {
  if (plan.kind === "date") return change(value);
  if (typeof value !== "object" || value === null) return value;
  const changed = target(value);
  if (plan.kind === "items") {
    for (const key of Object.keys(changed)) changed[key] = mapDates(changed[key], plan.item, target, change);
    return changed;
  }
  for (const [name, field] of plan.fields) {
    if (Object.hasOwn(changed, name)) changed[name] = mapDates(changed[name], field, target, change);
  }
  return changed;
}

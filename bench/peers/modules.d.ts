// What is used of the peers. They are declared here because types must check where none of them is installed.

declare module "better-sqlite3" {
  interface Statement<Row> {
    run(...parameters: unknown[]): unknown;
    get(...parameters: unknown[]): Row | undefined;
    all(...parameters: unknown[]): Row[];
    pluck(): this;
  }
  class Database {
    constructor(path: string);
    pragma(text: string): unknown;
    exec(sql: string): this;
    prepare<Row = unknown>(sql: string): Statement<Row>;
    transaction<Arguments extends unknown[], Result>(
      run: (...parameters: Arguments) => Result,
    ): (...parameters: Arguments) => Result;
    close(): void;
  }

  // biome-ignore lint/style/noDefaultExport: the package exports its class so
  export { Database as default, type Statement };
}

declare module "lmdb" {
  interface Bounds {
    start?: unknown;
    end?: unknown;
    limit?: number;
    reverse?: boolean;
  }
  interface Entries<T> extends Iterable<T> {
    map<U>(change: (entry: T) => U): Entries<U>;
    readonly asArray: T[];
  }
  interface Database<Value> {
    get(key: unknown): Value | undefined;
    getMany(keys: readonly unknown[]): Promise<(Value | undefined)[]>;
    getRange(bounds: Bounds): Entries<{ key: unknown; value: Value }>;
    getKeys(bounds: Bounds): Entries<unknown>;
    put(key: unknown, value: Value): Promise<boolean>;
    remove(key: unknown): Promise<boolean>;
  }
  interface Root extends Database<unknown> {
    openDB<Value>(options: {
      name: string;
      cache?: boolean;
      sharedStructuresKey?: symbol;
      encoding?: string;
    }): Database<Value>;
    transaction<Result>(run: () => Result): Promise<Result>;
    readonly flushed: PromiseLike<unknown>;
    close(): Promise<void>;
  }
  export function open(options: { path: string }): Root;
  export type { Database, Root };
}

declare module "vega" {
  export function parse(spec: unknown): unknown;
  export class View {
    constructor(runtime: unknown, options: { renderer: "none" });
    toSVG(): Promise<string>;
  }
}

declare module "vega-lite" {
  export function compile(spec: unknown): { readonly spec: unknown };
}

/**
 * What a trace did to the files and directories below a folder: operations on inodes and on entries of directories,
 * each with the moment when it began and ended.
 */
import { existsSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { type Call, descriptorIn, stringsIn } from "./trace.ts";

/** A file or directory, whatever its names. */
export class Node {
  readonly kind: "file" | "directory";
  /** The name that it was made under, for reports. */
  readonly firstName: string;
  /** What the entries of a directory, or the bytes in a file, are when nothing is lost. */
  readonly entries: Map<string, Node> = new Map();
  size = 0;
  /** Whether it was made or written to since its last sync. */
  changed = true;

  constructor(kind: "file" | "directory", firstName: string) {
    this.kind = kind;
    this.firstName = firstName;
  }
}

interface Span {
  readonly begin: number;
  readonly end: number;
}

/** Bytes written at an offset, or a size set. */
export type DataOperation = Span & {
  readonly kind: "data";
  readonly file: Node;
  readonly offset: number;
  readonly bytes: Buffer;
  /** The size that was set; undefined for a write. */
  readonly size?: number;
};

/** Entries of directories that change together. */
export type NameOperation = Span & {
  readonly kind: "name";
  readonly call: string;
  readonly changes: readonly {
    readonly directory: Node;
    readonly name: string;
    readonly node: Node | null;
  }[];
};

/** An fsync or fdatasync that was successful. */
export type SyncOperation = Span & {
  readonly kind: "sync";
  readonly node: Node;
  /** Whether there was anything to write: a sync of a file that did not change does not commit a journal. */
  readonly hadWork: boolean;
};

export type Operation = DataOperation | NameOperation | SyncOperation;

/** A line that the writer noted. */
export type Note = Span & { readonly words: readonly string[] };

interface Descriptor {
  readonly node: Node;
  offset: number;
  readonly append: boolean;
  /** When its opening ended. */
  readonly since: number;
}

/** A call of which is known what it gave. */
type DoneCall = Call & { readonly result: number };

/** A number that is no descriptor. */
const NOBODYS = Number.MAX_SAFE_INTEGER;

/** The path of the descriptor that is a call's first argument. */
function pathIn(args: string): string {
  const [, hex = ""] = /^\d+<([^>]*)>/.exec(args) ?? [];
  return Buffer.from(hex.replaceAll("\\x", ""), "hex").toString();
}

/** Follows the calls of programs that ran one after another. */
export class Recording {
  readonly root: Node = new Node("directory", "");
  readonly operations: Operation[] = [];
  readonly notes: Note[] = [];
  readonly #folder: string;
  readonly #notesPath: string;
  #open = new Map<number, Descriptor | "notes">();

  constructor(folder: string, notes: string) {
    this.#folder = folder;
    this.#notesPath = notes;
  }

  /**
   * Adds the calls of a program that has ended, before another one changes the folder; `at` is how many lines the
   * traces before it had.
   *
   * @returns the lines so far
   */
  add(calls: readonly Call[], at: number): number {
    this.#open = new Map();
    let end = at;
    for (const call of calls) {
      const result = call.result ?? this.#resultOf(call);
      this.#apply({ ...call, result, begin: call.begin + at, end: call.end + at });
      end = Math.max(end, call.end + at);
    }
    return end;
  }

  /** What came of a call during which its program was killed: the system may have done it, and the disk shows. */
  #resultOf({ name, args }: Call): number {
    const paths = stringsIn(args).map(String);
    const isThere = (path: string | undefined) => path !== undefined && existsSync(path);
    if (/^(rename|unlink|rmdir)/.test(name)) return isThere(paths[0]) ? -1 : 0;
    if (/^mkdir/.test(name)) return isThere(paths[0]) ? 0 : -1;
    if (/^link/.test(name)) return isThere(paths[1]) ? 0 : -1;
    const opens = /^(open|openat|creat)$/.test(name);
    const path = opens ? paths[0] : pathIn(args);
    if (path === undefined || this.#below(path) === undefined || !isThere(path)) return -1;
    const { size } = statSync(path);
    const known = this.#find(path);
    // Whoever is dead has no use for the descriptor.
    if (opens) return known === undefined || size < known.size ? NOBODYS : -1;
    if (known === undefined) return -1;
    if (name === "ftruncate") return size === known.size ? -1 : 0;
    // Files of stores and backups are appended to; a write may have been done in part.
    return /^p?write/.test(name) && size > known.size ? size - known.size : -1;
  }

  #apply(call: DoneCall): void {
    if (call.result < 0) return;
    const { name, args } = call;
    if (/^(open|openat|creat)$/.test(name)) {
      this.#openFile(call);
      return;
    }
    const paths = /^(rename|link|unlink|mkdir|rmdir)/.test(name) ? stringsIn(args).map(String) : [];
    if (paths.length > 0) {
      if (paths.some((path) => this.#below(path) !== undefined)) this.#changeNames(call, paths);
      return;
    }
    if (!this.#isOurs(args)) return;
    const descriptor = this.#open.get(descriptorIn(args));
    if (name === "close") this.#close(call);
    else if (descriptor === undefined) throw new Error(`The recording has no opening of ${name}(${args})`);
    else if (descriptor === "notes") this.#note(call);
    else if (name === "write" || name === "pwrite64") this.#write(call, descriptor);
    else if (name === "ftruncate") this.#setSize(call, descriptor.node, Number(args.split(",")[1]));
    else if (name === "fsync" || name === "fdatasync") this.#sync(call, descriptor.node);
    else throw new Error(`The simulation does not know the call ${name}(${args.slice(0, 200)})`);
  }

  /** Another thread may be given the number before this one is told that its close is done. */
  #close(call: DoneCall): void {
    const descriptor = this.#open.get(descriptorIn(call.args));
    if (descriptor === "notes" || (descriptor?.since ?? 0) < call.begin)
      this.#open.delete(descriptorIn(call.args));
  }

  #push(span: Span, operation: Record<string, unknown>): void {
    this.operations.push({ ...operation, begin: span.begin, end: span.end } as unknown as Operation);
  }

  /** Descriptors are numbers of a process: those of its children may be the same, but are of other paths. */
  #isOurs(args: string): boolean {
    const path = pathIn(args);
    return path === this.#notesPath || this.#below(path) !== undefined;
  }

  /** The parts of a path below the folder; undefined where it lies elsewhere. */
  #below(path: string): string[] | undefined {
    if (path === this.#folder) return [];
    return path.startsWith(`${this.#folder}/`) ? path.slice(this.#folder.length + 1).split("/") : undefined;
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const part of this.#below(path) ?? []) node = node?.entries.get(part);
    return node;
  }

  #openFile(call: DoneCall): void {
    const path = String(stringsIn(call.args)[0]);
    if (path === this.#notesPath) this.#open.set(call.result, "notes");
    if (this.#below(path) === undefined) return;
    let node = this.#find(path);
    if (node === undefined) {
      node = new Node("file", basename(path));
      this.#link(call, [{ path, node }]);
    } else if (call.args.includes("O_TRUNC") || call.name === "creat") {
      this.#setSize(call, node, 0);
    }
    this.#open.set(call.result, { node, offset: 0, append: call.args.includes("O_APPEND"), since: call.end });
  }

  #changeNames(call: DoneCall, paths: readonly string[]): void {
    const [path = "", to = ""] = paths;
    if (call.name.startsWith("mkdir"))
      this.#link(call, [{ path, node: new Node("directory", basename(path)) }]);
    else if (/^(unlink|rmdir)/.test(call.name)) this.#link(call, [{ path, node: null }]);
    else {
      const node = this.#find(path) as Node;
      const moved = call.name.startsWith("rename") ? [{ path, node: null }] : [];
      this.#link(call, [...moved, { path: to, node }]);
    }
  }

  #link(call: DoneCall, named: readonly { path: string; node: Node | null }[]): void {
    const changes = named.map(({ path, node }) => {
      const directory = this.#find(dirname(path));
      if (directory === undefined) throw new Error(`The simulation does not know the folder of ${path}`);
      const name = basename(path);
      if (node === null) directory.entries.delete(name);
      else directory.entries.set(name, node);
      return { directory, name, node };
    });
    this.#push(call, { kind: "name", call: call.name, changes });
  }

  #write(call: DoneCall, descriptor: Descriptor): void {
    const { node } = descriptor;
    const bytes = (stringsIn(call.args)[0] as Buffer).subarray(0, call.result);
    const given = call.name === "pwrite64" ? Number(call.args.split(",").at(-1)) : descriptor.offset;
    const offset = descriptor.append ? node.size : given;
    if (call.name === "write") descriptor.offset = offset + bytes.length;
    node.changed = true;
    node.size = Math.max(node.size, offset + bytes.length);
    this.#push(call, { kind: "data", file: node, offset, bytes });
  }

  #sync(call: DoneCall, node: Node): void {
    const hadWork = node.changed || node.kind === "directory";
    node.changed = false;
    this.#push(call, { kind: "sync", node, hadWork });
  }

  #setSize(call: DoneCall, file: Node, size: number): void {
    if (file.size === size) return;
    file.size = size;
    file.changed = true;
    this.#push(call, { kind: "data", file, offset: 0, bytes: Buffer.alloc(0), size });
  }

  #note(call: DoneCall): void {
    const words = String(stringsIn(call.args)[0]).trim().split(" ");
    this.notes.push({ words, begin: call.begin, end: call.end });
  }
}

import type { Encoding } from "../store/values.ts";
import type { KeyForm } from "./keys.ts";

/** How a bucket is imported, once all in it was seen. */
export interface BucketPlan {
  readonly keys: KeyForm;
  /** How the names of the buckets directly in it are read. */
  readonly names: "text" | "bytes";
  readonly encoding: Encoding;
  readonly sequence: boolean;
}

const FORMS: readonly KeyForm[] = ["text", "bytes", "json", "uint64", "function"];
const ENCODINGS: readonly Encoding[] = ["json", "utf8", "bytes"];
const LEFT_OUT = 255;

/** The plans of a file's buckets in the order of a walk, a byte each: a file may have millions of them. */
export class Plans {
  #bytes = new Uint8Array(64);
  #size = 0;

  /** Makes room for the next bucket's plan, which is "left out" until it is set. @returns its number */
  add(): number {
    if (this.#size === this.#bytes.length) {
      const grown = new Uint8Array(this.#size * 2);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes[this.#size] = LEFT_OUT;
    return this.#size++;
  }

  set(number: number, { keys, names, encoding, sequence }: BucketPlan): void {
    const flags = (names === "bytes" ? 1 : 0) + (sequence ? 2 : 0);
    this.#bytes[number] = (FORMS.indexOf(keys) * 3 + ENCODINGS.indexOf(encoding)) * 4 + flags;
  }

  /** Undefined where the bucket stays behind. */
  get(number: number): BucketPlan | undefined {
    const byte = this.#bytes[number] as number;
    if (byte === LEFT_OUT) return undefined;
    const form = Math.floor(byte / 12);
    return {
      keys: FORMS[form] as KeyForm,
      names: (byte & 1) === 1 ? "bytes" : "text",
      encoding: ENCODINGS[(byte >> 2) - form * 3] as Encoding,
      sequence: (byte & 2) === 2,
    };
  }
}

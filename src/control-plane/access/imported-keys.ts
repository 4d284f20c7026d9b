import type { Store } from "../../store/store.ts";
import { apiKeys } from "./api-key-record.ts";

/**
 * Whether there may be API keys that were made elsewhere. Where there are none, a text that is none of our secrets is
 * refused before anything is read.
 */
export class ImportedKeys {
  #mayBe: boolean;

  constructor(mayBe: boolean) {
    this.#mayBe = mayBe;
  }

  get mayBe(): boolean {
    return this.#mayBe;
  }

  /** To be called before anything is written that may be such a key. */
  expect(): void {
    this.#mayBe = true;
  }

  /** Looks whether there are any. */
  static async in(store: Store): Promise<boolean> {
    return store.view(async (tx) => (await apiKeys.in(tx).by("imported_hash").keys().first()) !== undefined);
  }
}

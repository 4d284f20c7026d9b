// What memory a process takes, and by how much that rises.
import { readFileSync } from "node:fs";

/** Memory in MiB. */
export interface Memory {
  /** All that is resident. */
  readonly resident: number;
  /** The same without pages of mapped files, which the system takes back when it wants them. */
  readonly anonymous: number;
}

const MIB = 2 ** 20;
const KIB = 2 ** 10;

/** Follows this process's memory from now on. */
export class PeakMemory {
  readonly #before = memory();
  #resident = this.#before.resident;
  #anonymous = this.#before.anonymous;

  /** Looks what it is now. */
  look(): void {
    const { resident, anonymous } = memory();
    this.#resident = Math.max(this.#resident, resident);
    this.#anonymous = Math.max(this.#anonymous, anonymous);
  }

  /** The most that was seen. */
  get peak(): Memory {
    return { resident: this.#resident, anonymous: this.#anonymous };
  }

  /** By how much that is above what it was at the beginning. */
  get added(): Memory {
    const { resident, anonymous } = this.#before;
    return { resident: this.#resident - resident, anonymous: this.#anonymous - anonymous };
  }
}

function memory(): Memory {
  const resident = process.memoryUsage.rss() / MIB;
  if (process.platform !== "linux") return { resident, anonymous: resident };
  const [, kilobytes] = /^RssAnon:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return { resident, anonymous: kilobytes === undefined ? resident : Number(kilobytes) / KIB };
}

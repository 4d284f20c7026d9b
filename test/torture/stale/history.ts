/** What the hot keys held at each commit, as far back as a reader may still look. */

/** What a commit did to a key. */
interface Version {
  readonly commit: number;
  /** Whether it put the key, or deleted it. */
  readonly isThere: boolean;
}

/** Versions of a key beyond which those are dropped that nobody can see any more. */
const MANY = 256;

export class History {
  readonly #versions: Version[][];
  /** The commits at which readers are. */
  readonly #readers = new Map<number, number>();

  constructor(keys: number) {
    this.#versions = Array.from({ length: keys }, () => []);
  }

  /** Tells that a commit put a key, or deleted it. Commits come in order. */
  add(key: number, commit: number, isThere: boolean): void {
    const versions = this.#of(key);
    versions.push({ commit, isThere });
    if (versions.length % MANY === 0) this.#prune(versions);
  }

  /** The commit whose value a key has at a commit; undefined where it has none. */
  at(key: number, commit: number): number | undefined {
    const versions = this.#of(key);
    for (let i = versions.length - 1; i >= 0; i--) {
      const version = versions[i] as Version;
      if (version.commit <= commit) return version.isThere ? version.commit : undefined;
    }
    return undefined;
  }

  /** Keeps what a reader at that commit sees, until it leaves. */
  enter(commit: number): void {
    this.#readers.set(commit, (this.#readers.get(commit) ?? 0) + 1);
  }

  leave(commit: number): void {
    const left = (this.#readers.get(commit) ?? 0) - 1;
    if (left > 0) this.#readers.set(commit, left);
    else this.#readers.delete(commit);
  }

  #of(key: number): Version[] {
    return this.#versions[key] as Version[];
  }

  #prune(versions: Version[]): void {
    // A reader that is about to enter is at no earlier commit than the last ones.
    const last = versions.at(-MANY / 2)?.commit ?? 0;
    const oldest = Math.min(last, ...this.#readers.keys());
    const first = versions.findLastIndex(({ commit }) => commit <= oldest);
    if (first > 0) versions.splice(0, first);
  }
}

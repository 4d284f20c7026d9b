import { inspect, isDeepStrictEqual } from "node:util";
import { DatabaseError } from "@meshgate/database";

/** What must hold. A check that fails is printed, and the rest goes on. */
export class Checks {
  readonly #print: (line: string) => void;
  #made = 0;
  #failed = 0;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  get made(): number {
    return this.#made;
  }

  get held(): number {
    return this.#made - this.#failed;
  }

  /** @param claim what is said to be so */
  holds(claim: string, isSo: boolean): void {
    this.#made++;
    if (isSo) return;
    this.#failed++;
    this.#print(`FAILED ${claim}`);
  }

  equal(claim: string, found: unknown, wanted: unknown): void {
    const line = (value: unknown) =>
      inspect(value, { breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 5 });
    this.holds(`${claim}: ${line(found)} is not ${line(wanted)}`, isDeepStrictEqual(found, wanted));
  }

  /** @returns the error that the work is refused with; undefined where it is not, or with another code */
  async refused(
    claim: string,
    code: string,
    work: () => Promise<unknown>,
  ): Promise<DatabaseError | undefined> {
    const outcome = await work().then(
      () => undefined,
      (error: unknown) => error,
    );
    const isRefusal = outcome instanceof DatabaseError && outcome.code === code;
    this.holds(`${claim}: ${outcome ?? "nothing"} is not ${code}`, isRefusal);
    return isRefusal ? outcome : undefined;
  }
}

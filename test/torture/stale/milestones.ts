/** Lets many wait for numbers to be reached. */
export class Milestones {
  #reached = Number.NEGATIVE_INFINITY;
  #waiting: { readonly number: number; readonly resume: () => void }[] = [];

  /** Resolves when the number, or a later one, is reached. */
  async wait(number: number): Promise<void> {
    if (this.#reached >= number) return;
    await new Promise<void>((resume) => {
      this.#waiting.push({ number, resume });
    });
  }

  reach(number: number): void {
    this.#reached = number;
    const due = this.#waiting.filter((each) => each.number <= number);
    if (due.length === 0) return;
    this.#waiting = this.#waiting.filter((each) => each.number > number);
    for (const { resume } of due) resume();
  }
}

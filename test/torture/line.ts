import { clearLine, cursorTo } from "node:readline";

const REFRESH_MS = 200;

/** A line of the terminal that is written anew; nothing is shown in a pipe. */
export class Line {
  #shown = 0;

  show(text: string): void {
    const { stdout } = process;
    if (!stdout.isTTY || Date.now() - this.#shown < REFRESH_MS) return;
    this.#shown = Date.now();
    this.clear();
    stdout.write(text.slice(0, (stdout.columns || 80) - 1)); // A line that wraps could not be cleared.
  }

  clear(): void {
    if (!process.stdout.isTTY) return;
    cursorTo(process.stdout, 0);
    clearLine(process.stdout, 0);
  }
}

import { clearLine, cursorTo } from "node:readline";

const REFRESH_MS = 100;

/** Prints a line that stays. */
export function print(text = ""): void {
  process.stdout.write(`${text}\n`);
}

/** A line of a summary. */
export type Fact = readonly [name: string, fact: string];

/** Prints a list of facts under a title. */
export function printFacts(title: string, facts: readonly Fact[]): void {
  print(title);
  for (const [name, fact] of facts) print(`  ${name.padEnd(15)} ${fact}`);
}

/** Shows how work goes on a line that is written anew until the work is done; only on a terminal, not in a pipe. */
export async function withProgress<T>(text: () => string, work: Promise<T>): Promise<T> {
  const terminal = process.stdout;
  if (!terminal.isTTY) return work;
  const clear = () => {
    cursorTo(terminal, 0);
    clearLine(terminal, 0);
  };
  const timer = setInterval(() => {
    clear();
    terminal.write(text().slice(0, (terminal.columns || 80) - 1)); // A line that wraps could not be cleared.
  }, REFRESH_MS);
  return work.finally(() => {
    clearInterval(timer);
    clear();
  });
}

/** 12345.6 as "12,346". */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 0.34 as "0.34 ms", 34.2 as "34 ms", 3420 as "3.4 s". */
export function duration(ms: number): string {
  if (ms < 10) return `${ms.toFixed(2)} ms`;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** 1234567 as "1.2 MB". */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

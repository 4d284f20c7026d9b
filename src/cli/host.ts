/** What the program needs of the process that it runs in. */

/** Where text goes. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
  /** The width of the terminal in characters. */
  readonly columns?: number | undefined;
}

/** The signals on which the program stops in good order, and what it exits with then, as shells do. */
export const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

export type Signal = keyof typeof SIGNALS;

/** The process, or what stands for it in a test. */
export interface Host {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  on(signal: Signal, listener: (signal: Signal) => void): unknown;
  off(signal: Signal, listener: (signal: Signal) => void): unknown;
  /** Ends the process at once. */
  exit(code: number): unknown;
}

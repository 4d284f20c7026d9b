import { styleText } from "node:util";
import type { Progress } from "../store/progress.ts";
import type { Host } from "./host.ts";
import { formatCount } from "./text.ts";

/** No more often than this is it drawn anew. */
const REFRESH_MS = 100;
const MAX_BAR = 40;
/** Narrower than this, a bar tells nothing that the figures do not. */
const MIN_BAR = 8;
const CLEAR = "\r\x1b[K";

/** A line on stderr that tells how far work is, written anew as it goes on; none where stderr is no terminal. */
export class ProgressBar {
  readonly #host: Host;
  readonly #label: string;
  readonly #now: () => number;
  readonly #shows: boolean;
  readonly #coloured: boolean;
  #drawnAt = Number.NEGATIVE_INFINITY;

  /** @param now a clock, in milliseconds */
  constructor(host: Host, label: string, now: () => number = () => performance.now()) {
    this.#host = host;
    this.#label = label;
    this.#now = now;
    const { NO_COLOR = "", TERM } = host.env;
    this.#shows = host.stderr.isTTY === true && TERM !== "dumb";
    this.#coloured = NO_COLOR === "";
  }

  /** Takes note of how far the work is. */
  readonly show = (progress: Progress): void => {
    if (!this.#shows) return;
    const now = this.#now();
    if (now - this.#drawnAt < REFRESH_MS) return;
    this.#drawnAt = now;
    // A terminal that does not know its width tells 0; a line as wide as the terminal would wrap on some.
    const width = (this.#host.stderr.columns || 80) - 1;
    this.#host.stderr.write(CLEAR + drawLine(this.#label, progress, width, this.#coloured));
  };

  /** Takes the line away, before anything else is written. */
  clear(): void {
    if (this.#drawnAt === Number.NEGATIVE_INFINITY) return;
    this.#host.stderr.write(CLEAR);
    this.#drawnAt = Number.NEGATIVE_INFINITY;
  }
}

/**
 * The line: label, bar, per cent and rows; without the bar where the total is not known, or the terminal is narrow.
 *
 * @param width characters, which it never exceeds
 */
export function drawLine(label: string, { done, total }: Progress, width: number, coloured: boolean): string {
  if (total === undefined || total === 0) return `${label}  ${formatCount(done)} rows`.slice(0, width);
  const share = Math.min(1, done / total);
  const figures = `${Math.floor(share * 100)} %`.padStart(5);
  const rows = `${formatCount(done)} of ${formatCount(total)} rows`;
  const bar = Math.min(MAX_BAR, width - label.length - figures.length - rows.length - 6);
  if (bar < MIN_BAR) return `${label} ${figures}  ${rows}`.slice(0, width);
  const full = Math.floor(share * bar);
  const [filled, rest] = ["━".repeat(full), "─".repeat(bar - full)];
  const drawn = coloured ? paint("green", filled) + paint("dim", rest) : filled + rest;
  return `${label}  ${drawn} ${figures}  ${rows}`;
}

function paint(style: "green" | "dim", text: string): string {
  // Whether colours are wanted was decided before, for stderr; by itself it would look at stdout.
  return styleText(style, text, { validateStream: false });
}

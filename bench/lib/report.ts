// What a run shows on the terminal: a table per workload, a progress line where someone watches, a closing count.
import { styleText } from "node:util";
import type { Machine } from "./machine.ts";
import { figure, type Outcome, type Ratio } from "./outcome.ts";

const COLUMNS = ["median", "min", "max", "p99"] as const;
const LABEL_WIDTH = 30;
const CELL_WIDTH = 10;
/** The load per core above which figures suffer. */
const BUSY = 0.5;

/** Below this a sync cannot have reached a disk. */
const UNSYNCED_US = 15;

const { NO_COLOR } = process.env;
const COLOURED = process.stdout.isTTY && NO_COLOR === undefined;

type Style = Parameters<typeof styleText>[0];

function paint(style: Style, text: string): string {
  return COLOURED ? styleText(style, text) : text;
}

/** The heading: where this runs, and what speaks against its figures. */
export function formatMachine(machine: Machine): string {
  const lines = [
    `Node ${machine.node} on ${machine.cpu}, ${machine.cores} cores, ${machine.platform}`,
    `a 4 KiB append and sync takes ${machine.syncUs} us here; load before the run ${figure(machine.load)}`,
  ];
  if (machine.load > BUSY * machine.cores) {
    lines.push(paint("yellow", "! the machine is busy: figures may be off"));
  }
  if (machine.syncUs < UNSYNCED_US) {
    lines.push(paint("yellow", "! syncs reach no disk here: set TMPDIR to a directory on one"));
  }
  return `${lines.join("\n")}\n`;
}

/** The table of one workload. */
export function formatOutcome({ workload, results, ratios }: Outcome): string {
  const heading = COLUMNS.map((column) => column.padStart(CELL_WIDTH)).join("");
  const lines = [
    "",
    `${paint("bold", workload.name)}: ${workload.title}`,
    `    ${paint("dim", workload.method)}`,
    paint("dim", `    ${"".padEnd(LABEL_WIDTH)}${heading}  ${workload.unit}`),
  ];
  for (const result of results) {
    const cells = COLUMNS.map((column) => figure(result[column]).padStart(CELL_WIDTH)).join("");
    const unit = result.unit === workload.unit ? "" : `  ${result.unit}`;
    lines.push(`    ${result.subject.padEnd(LABEL_WIDTH)}${cells}${unit}`);
  }
  for (const ratio of ratios) lines.push(`  ${mark(ratio)} ${ratio.subject}: ${ratio.finding}`);
  return `${lines.join("\n")}\n`;
}

/** The last words: how many targets were met. */
export function formatSummary(ratios: readonly Ratio[], seconds: number): string {
  const targets = ratios.filter((ratio) => ratio.met !== undefined);
  const met = targets.filter((ratio) => ratio.met);
  const missed = targets.filter((ratio) => !ratio.met).map((ratio) => ratio.workload);
  const rest = missed.length === 0 ? "" : `; missed: ${missed.join(", ")}`;
  return `\n${met.length} of ${targets.length} targets met in this run${rest} (${Math.round(seconds)} s)\n`;
}

/** Shows what is going on in one line that rewrites itself, or nothing where nobody watches. */
export function showProgress(what: string, done: number, of: number): void {
  if (!process.stderr.isTTY) return;
  process.stderr.write(`\r\x1b[K${what} ${Math.floor((done / of) * 100)} %`);
}

/** Takes the progress line away, before something else is written. */
export function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
}

function mark(ratio: Ratio): string {
  if (ratio.met === undefined) return " ";
  return ratio.met ? paint("green", "✓") : paint("red", "✗");
}

/** How figures, names and tables look on a terminal. */

/** The widest that a column is made for the sake of one cell: a longer one moves the rest of its row. */
const MAX_WIDTH = 48;
const UNITS = ["kB", "MB", "GB", "TB"] as const;

/** 12345 as "12,345". */
export function formatCount(value: number): string {
  return value.toLocaleString("en-US");
}

/** A count with its noun: "1 row", "2,000 rows". */
export function formatMany(value: number, noun: string): string {
  return `${formatCount(value)} ${noun}${value === 1 ? "" : "s"}`;
}

/** 999 as "999 B", 1234567 as "1.2 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  // Rounded first: 999,950 bytes are 1.0 MB, not 1000.0 kB.
  let tenths = Math.round(bytes / 100);
  let unit = 0;
  for (; tenths >= 10_000 && unit < UNITS.length - 1; unit++) tenths = Math.round(tenths / 1000);
  return `${(tenths / 10).toFixed(1)} ${UNITS[unit]}`;
}

/**
 * Text from a file or a store, safe on a terminal: what would move the cursor, change colours, break the line or turn
 * the direction of writing is shown as an escape.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    const code = character.codePointAt(0) as number;
    if (code <= 0xff) return `\\x${code.toString(16).padStart(2, "0")}`;
    return `\\u{${code.toString(16)}}`;
  });
}

/** A column of a table. */
export interface Column {
  readonly title: string;
  /** Figures are set to the right. */
  readonly right?: boolean;
}

/** A table with aligned columns, a line each row; columns without a word below their titles are left out. */
export function formatTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const shown = columns
    .map((column, i) => ({ ...column, i }))
    .filter(({ i }) => rows.some((row) => row[i] !== ""));
  const widths = shown.map(({ title, i }) =>
    rows.reduce((width, row) => Math.max(width, Math.min(widthOf(row[i] ?? ""), MAX_WIDTH)), title.length),
  );
  const lineOf = (cells: readonly string[]) =>
    shown
      .map(({ right, i }, at) => {
        const cell = cells[i] ?? "";
        const gap = " ".repeat(Math.max(0, (widths[at] as number) - widthOf(cell)));
        return right === true ? gap + cell : cell + gap;
      })
      .join("  ")
      .trimEnd();
  return [columns.map(({ title }) => title), ...rows].map(lineOf);
}

/** Facts with their names, aligned. */
export function formatFacts(facts: readonly (readonly [name: string, fact: string])[]): string[] {
  const width = facts.reduce((most, [name]) => Math.max(most, name.length), 0);
  return facts.map(([name, fact]) => `${name.padEnd(width)}  ${fact}`);
}

/** The columns that a text takes: one a character, two where it is an East Asian wide one. */
function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width += /[\p{sc=Han}\p{sc=Hangul}\p{sc=Hiragana}\p{sc=Katakana}\p{Emoji_Presentation}]/u.test(character)
      ? 2
      : 1;
  }
  return width;
}

const ROWS = 10;
const COLUMN = 3;

/** Draws shares (0 to 1) by hour as columns: up to the average full, from there to the maximum light. */
export function drawHours(averages: readonly number[], maxima: readonly number[]): string {
  const top = Math.ceil(Math.max(1, ...maxima.map((share) => share * 100)) / ROWS) * ROWS;
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const from = ((ROWS - 1 - i) * top) / ROWS;
    // A cell is drawn from its half on.
    const reaches = (share = 0) => share * 100 >= from + top / ROWS / 2;
    const cells = averages.map((average, hour) => cell(reaches(average), reaches(maxima[hour])));
    return `${String(from + top / ROWS).padStart(4)} % ┤${cells.join("")}`;
  });
  const hours = averages.map((_, hour) => String(hour).padStart(2, "0").padEnd(COLUMN));
  return [
    ...rows,
    `       └${"─".repeat(averages.length * COLUMN)}`,
    `        ${hours.join("")}`.trimEnd(),
  ].join("\n");
}

function cell(isAverage: boolean, isMaximum: boolean): string {
  return `${isAverage ? "██" : isMaximum ? "░░" : "  "} `;
}

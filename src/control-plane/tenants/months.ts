/** Calendar months of UTC, as `2026-01`: text that sorts as time does. */

export function monthOf(date: Date): string {
  return date.toISOString().slice(0, 7);
}

/** The months from one on, up to another without it. */
export function monthsBetween(from: string, to: string): string[] {
  const months: string[] = [];
  for (let month = from; month < to; month = monthAfter(month)) months.push(month);
  return months;
}

function monthAfter(month: string): string {
  const [year, number] = month.split("-").map(Number) as [number, number];
  return monthOf(new Date(Date.UTC(year, number, 1)));
}

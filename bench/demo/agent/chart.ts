import { plot } from "simple-ascii-chart";

const WIDTH = 64;
const STEPS = 10;

/**
 * Draws shares (0 to 1) over time as a curve in per cent.
 *
 * @param points time in seconds, and share
 * @param mark a time at which the curve breaks, marked by a vertical bar
 */
export function drawShares(
  points: readonly (readonly [seconds: number, share: number])[],
  mark: number,
): string {
  const percent = points.map(([seconds, share]): [number, number] => [seconds, share * 100]);
  const curves = [percent.filter(([x]) => x < mark), percent.filter(([x]) => x >= mark)];
  const first = points[0]?.[0] ?? 0;
  const last = points.at(-1)?.[0] ?? 0;
  const top = Math.ceil(Math.max(1, ...percent.map(([, y]) => y)) / STEPS) * STEPS;
  return plot(
    curves.filter((curve) => curve.length > 0),
    {
      width: WIDTH,
      height: STEPS + 1,
      yRange: [0, top],
      customYAxisTicks: Array.from({ length: STEPS + 1 }, (_, i) => (i * top) / STEPS),
      customXAxisTicks: wholeNumbers(first, last),
      formatter: (value, { axis }) => (axis === "y" ? `${String(value).padStart(3)} %` : `${value} s`),
      thresholds: mark > first && mark < last ? [{ x: mark }] : [],
    },
  );
}

/** At most eight whole numbers between two others, evenly spaced. */
function wholeNumbers(from: number, to: number): number[] {
  const step = Math.ceil((to - from) / 8) || 1;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => (first + i) * step);
}

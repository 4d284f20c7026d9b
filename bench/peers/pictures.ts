// Draws the pictures with Vega-Lite, which makes SVG without a browser.
import { parse, View } from "vega";
import { compile } from "vega-lite";
import type { Result } from "../lib/outcome.ts";
import { LABELS, type PictureName, type SubjectName } from "./model.ts";
import { workloads } from "./workloads/index.ts";

/** What a picture shows, apart from its points. */
interface Picture {
  readonly file: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** What becomes of a median in microseconds. */
  readonly toY: (median: number) => number;
}

interface Point {
  readonly subject: string;
  readonly x: number;
  readonly y: number;
}

const PICTURES: Readonly<Record<PictureName, Picture>> = {
  range: {
    file: "peers-range.svg",
    title: "Time of a query for K rows",
    x: "rows (K)",
    y: "microseconds, median",
    toY: (median) => median,
  },
  growth: {
    file: "peers-growth.svg",
    title: "Time of a query for 100 rows, by the size of the store",
    x: "rows in the store",
    y: "microseconds, median",
    toY: (median) => median,
  },
  writers: {
    file: "peers-writers.svg",
    title: "Durable commits of a record with two index entries",
    x: "concurrent writers",
    y: "commits per second",
    toY: (median) => 1_000_000 / median,
  },
};

/** One colour for each family of subjects; ours stand out, and variants of one are dashed. */
const COLOURS: Readonly<Partial<Record<SubjectName, readonly [colour: string, dash: readonly number[]]>>> = {
  bucket: ["#d62728", [1, 0]],
  collection: ["#d62728", [6, 3]],
  controlPlane: ["#d62728", [2, 2]],
  classicLevel: ["#ff9f40", [1, 0]],
  sqliteJson: ["#1f77b4", [1, 0]],
  sqliteColumns: ["#1f77b4", [6, 3]],
  sqliteCoalesced: ["#1f77b4", [2, 2]],
  lmdb: ["#2ca02c", [1, 0]],
  bbolt: ["#7f7f7f", [1, 0]],
  bboltStructs: ["#7f7f7f", [6, 3]],
};

/** Draws what the results have points for. @returns the pictures by file name */
export async function draw(results: readonly Result[]): Promise<[file: string, svg: string][]> {
  const drawn: [string, string][] = [];
  for (const name of Object.keys(PICTURES) as PictureName[]) {
    const points = pointsOf(name, results);
    if (points.length === 0) continue;
    const view = new View(parse(compile(specOf(PICTURES[name], points)).spec), { renderer: "none" });
    drawn.push([PICTURES[name].file, `${await view.toSVG()}\n`]);
  }
  return drawn;
}

function pointsOf(name: PictureName, results: readonly Result[]): Point[] {
  const reports = workloads.flatMap(({ reports }) => reports).filter((report) => report.picture === name);
  return reports.flatMap((report) =>
    results
      .filter((result) => result.workload === report.name)
      .map(({ subject, median }) => ({ subject, x: report.x!, y: PICTURES[name].toY(median) })),
  );
}

function specOf({ title, x, y }: Picture, points: readonly Point[]): object {
  const names = (Object.keys(COLOURS) as SubjectName[]).filter((name) =>
    points.some((point) => point.subject === LABELS[name]),
  );
  const domain = names.map((name) => LABELS[name]);
  const legend = { title: null, symbolType: "stroke", symbolSize: 400, labelLimit: 240 };
  const places = [...new Set(points.map((point) => point.x))];
  const scale = { type: "log", nice: false, padding: 12 };
  const axis = { values: places, format: "~s", grid: true };
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    background: "white",
    title,
    width: 560,
    height: 360,
    data: { values: points },
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "x", type: "quantitative", title: x, scale, axis },
      y: { field: "y", type: "quantitative", title: y, scale, axis: { format: "~s" } },
      color: {
        field: "subject",
        type: "nominal",
        legend,
        scale: { domain, range: names.map((name) => COLOURS[name]![0]) },
      },
      strokeDash: {
        field: "subject",
        type: "nominal",
        scale: { domain, range: names.map((name) => COLOURS[name]![1]) },
      },
    },
  };
}

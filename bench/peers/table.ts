import { figure, type Ratio, type Result } from "../lib/outcome.ts";
import type { Report } from "./model.ts";
import type { Measured } from "./results.ts";
import { workloads } from "./workloads/index.ts";

const REPORTS: readonly Report[] = workloads.flatMap((workload) => workload.reports);

/** The figures of a run as Markdown: what the targets say, then a table for each section. */
export function toMarkdown(measured: Measured): string {
  const { machine, missing, results, ratios } = measured;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const absent = Object.entries(missing).map(([name, why]) => `Left out: ${name} (${why}).`);
  const lines = [
    "# Beside its peers",
    "",
    `${machine.quick ? "A quick run" : "One run"} on ${machine.cores} cores of ${machine.cpu} with ${machine.memoryMiB} MiB, ${machine.platform}, Node ${machine.node}, ${versions.join(", ")}; load before it ${figure(machine.load)}; a 4 KiB append and sync takes ${machine.syncUs} µs.`,
    `Page cache ${machine.cache}. Durability: ${machine.durability}. Each subject runs in a process of its own, in turns with the others; what they read and wrote is compared outside the measured time.`,
    ...absent,
    "",
    "A ratio is the peer's median time divided by ours: above 1 we are faster.",
    "",
    "## Targets",
    "",
    ...targetTable(ratios, results),
  ];
  for (const section of new Set(REPORTS.map((report) => report.section))) {
    const reports = REPORTS.filter(
      (report) => report.section === section && results.some((result) => result.workload === report.name),
    );
    if (reports.length > 0) lines.push("", `## ${section}`, "", ...sectionOf(reports, measured));
  }
  return `${lines.join("\n")}\n`;
}

function targetTable(ratios: readonly Ratio[], results: readonly Result[]): string[] {
  const find = (workload: string, subject: string) =>
    results.find((result) => result.workload === workload && result.subject === subject)!;
  const rows = ratios
    .filter((ratio) => ratio.target !== undefined)
    .map(({ workload, subject, versus, ratio, target, met }) => {
      const [ours, theirs] = [find(workload, subject), find(workload, versus)];
      const { title = workload } = REPORTS.find((report) => report.name === workload) ?? {};
      return [
        title,
        subject,
        `${figure(ours.median)} ${unitOf(ours)}`,
        versus,
        `${figure(theirs.median)} ${unitOf(theirs)}`,
        `**${figure(ratio)}**`,
        `≥ ${target}${met ? "" : ", missed"}`,
      ];
    });
  return table(["workload", "ours", "", "against", "", "ratio", "target"], rows);
}

/** A row for each subject: its medians, and in brackets the ratio to ours. */
function sectionOf(reports: readonly Report[], { results, ratios }: Measured): string[] {
  const ofSection = results.filter((result) => reports.some((report) => report.name === result.workload));
  const subjects = [...new Set(ofSection.map((result) => result.subject))];
  const rows = subjects.map((subject) => [
    subject,
    ...reports.map((report) => {
      const result = ofSection.find((each) => each.subject === subject && each.workload === report.name);
      if (result === undefined) return "";
      const ratio = ratios.find((each) => each.versus === subject && each.workload === report.name);
      const tail = report.tail ? `, p99 ${figure(result.p99)}` : "";
      return `${figure(result.median)}${tail}${ratio === undefined ? "" : ` (${figure(ratio.ratio)})`}`;
    }),
  ]);
  const legend = reports.map((report) => `- ${report.column}: ${report.title}`);
  const heading = reports.map((report) => {
    const result = ofSection.find((each) => each.workload === report.name)!;
    return `${report.column}, ${unitOf(result)}`;
  });
  return [...legend, "", ...table(["", ...heading], rows)];
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)];
}

function unitOf({ unit }: Result): string {
  return unit === "us" ? "µs" : unit;
}

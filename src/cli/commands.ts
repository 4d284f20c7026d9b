/**
 * The commands, each as what is to be run and how its result is shown. What of the library one needs is loaded when it
 * runs, so that help is there at once.
 */
import { formatGoImport } from "./go-text.ts";
import type { GoImport } from "./import-go.ts";
import type { PlainImport } from "./import-plain.ts";
import { formatInfo } from "./info-text.ts";
import { formatPlainImport } from "./plain-text.ts";
import type { Command } from "./run-command.ts";

/** `info` */
export function infoCommand(directory: string, json: boolean): Command {
  return {
    label: "Counting",
    json,
    whenStopped: "Nothing was changed.",
    run: async (work) => {
      const { readInfo } = await import("./info.ts");
      const info = await readInfo(directory, work);
      return { json: info, text: formatInfo(info) };
    },
  };
}

/** `import-bolt` */
export function goCommand(order: GoImport, json: boolean): Command {
  const { directory, dryRun } = order;
  return {
    label: dryRun ? "Trying" : "Importing",
    json,
    whenStopped: dryRun ? "Nothing was written." : "The import is not done. Run it again: it goes on.",
    run: async (work) => {
      const { importGo } = await import("./import-go.ts");
      const report = await importGo(order, work);
      return { json: { directory, ...report }, text: formatGoImport(report, directory) };
    },
  };
}

/** `import-bolt --plain` */
export function plainCommand(order: PlainImport, json: boolean): Command {
  const { file, directory, dryRun } = order;
  return {
    label: dryRun ? "Trying" : "Importing",
    json,
    whenStopped: "Nothing was imported.",
    run: async (work) => {
      const { importPlain } = await import("./import-plain.ts");
      const report = await importPlain(order, work);
      return { json: { file, directory, dryRun, ...report }, text: formatPlainImport(report, order) };
    },
  };
}

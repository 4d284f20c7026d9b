/** The commands that look after stores, as commands.ts has the others. */
import { formatBackup, formatCheck, formatRepair, formatRestored, formatVerified } from "./care-text.ts";
import type { Command } from "./run-command.ts";

export interface BackupOrder {
  readonly directory: string;
  readonly backup: string;
  readonly bytesPerSecond: number | undefined;
}

/** `backup` */
export function backupCommand({ directory, backup, bytesPerSecond }: BackupOrder, json: boolean): Command {
  return {
    label: "Backing up",
    json,
    whenStopped: "There is no backup.",
    run: async (work) => {
      const { openStore } = await import("../store/open-store.ts");
      await using store = await openStore(directory, { readOnly: true });
      const report = await store.backup(backup, { ...work, bytesPerSecond });
      return { json: { directory, backup, ...report }, text: formatBackup(report, directory, backup) };
    },
  };
}

/** `verify-backup` */
export function verifyCommand(backup: string, json: boolean): Command {
  return {
    label: "Verifying",
    json,
    whenStopped: "Nothing was changed.",
    run: async (work) => {
      const { verifyBackup } = await import("../store/verify-backup.ts");
      const report = await verifyBackup(backup, work);
      return { json: { backup, ...report }, text: formatVerified(report, backup) };
    },
  };
}

/** `restore` */
export function restoreCommand(backup: string, directory: string, json: boolean): Command {
  return {
    label: "Restoring",
    json,
    whenStopped: "Nothing was restored.",
    run: async (work) => {
      const { restore } = await import("../store/restore.ts");
      const report = await restore(backup, directory, work);
      return { json: { backup, directory, ...report }, text: formatRestored(report, backup, directory) };
    },
  };
}

/** `check` */
export function checkCommand(directory: string, json: boolean): Command {
  return {
    label: "Checking",
    json,
    whenStopped: "Nothing was changed.",
    run: async (work) => {
      const { openStore } = await import("../store/open-store.ts");
      await using store = await openStore(directory, { readOnly: true });
      const report = await store.check(work);
      const text = formatCheck(report, directory);
      return { json: { directory, ...report }, text, failed: !report.ok };
    },
  };
}

export interface RepairOrder {
  readonly directory: string;
  readonly copy: string | undefined;
  /** Whether the store is a control plane's, whose collections are known. */
  readonly isControlPlane: boolean;
}

/** `repair` */
export function repairCommand({ directory, copy, isControlPlane }: RepairOrder, json: boolean): Command {
  return {
    label: "Repairing",
    json,
    whenStopped: "Nothing was changed.",
    run: async (work) => {
      const { repair } = await import("../repair/repair.ts");
      const collections = isControlPlane
        ? (await import("../control-plane/transfer/tenant-rows.ts")).COLLECTIONS
        : [];
      const report = await repair(directory, { ...work, copy, collections });
      const isLeft = report.problems.length > 0 || report.collections.some(({ state }) => state === "failed");
      return { json: { directory, ...report }, text: formatRepair(report, directory), failed: isLeft };
    },
  };
}

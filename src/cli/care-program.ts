/** What the program takes to look after stores. */
import { type Command, InvalidArgumentError } from "commander";
import {
  backupCommand,
  checkCommand,
  repairCommand,
  restoreCommand,
  verifyCommand,
} from "./care-commands.ts";
import type { Host } from "./host.ts";
import { runCommand } from "./run-command.ts";

const AFTER_BACKUP = `
No other program may have the store open: one that has makes its backups itself,
while it works, by store.backup(). The backup appears when it is whole.

Example:
  $ meshgate-db backup ./meshgate ./backups/monday
`;

const AFTER_VERIFY = `
Reads all of a backup and compares it with what was copied then. Nothing is
opened for writing.

Example:
  $ meshgate-db verify-backup ./backups/monday
`;

const AFTER_RESTORE = `
The copy is verified before it appears. A directory that is taken is refused.

Example:
  $ meshgate-db restore ./backups/monday ./meshgate
`;

const AFTER_CHECK = `
Reads every row and verifies every file's checksums. Exits with 1 where it finds
anything.

Example:
  $ meshgate-db check ./meshgate
`;

const AFTER_REPAIR = `
Copies the directory first, then makes a store of all that is sound in it, and
tells what was lost and which rows may be older than what was lost. A backup is
better, where there is one. Indexes are built anew when the program that owns
the store starts. Exits with 1 where something is left to be mended.

Examples:
  $ meshgate-db repair ./meshgate --control-plane
  $ meshgate-db repair ./store --copy /mnt/large/store-as-it-was
`;

interface Flags {
  readonly json?: boolean;
  readonly bytesPerSecond?: number;
  readonly copy?: string;
  readonly controlPlane?: boolean;
}

const JSON_FLAG = ["--json", "print one JSON document instead of text"] as const;

export function addCare(program: Command, host: Host, finish: (code: number) => void): void {
  addBackups(program, host, finish);
  program
    .command("check")
    .summary("look for damage in a store")
    .description(
      "Compares every row with what the store knows of its buckets, and every file with its checksums.",
    )
    .argument("<directory>", "the store's directory")
    .option(...JSON_FLAG)
    .addHelpText("after", AFTER_CHECK)
    .action(async (directory: string, { json = false }: Flags) => {
      finish(await runCommand(host, checkCommand(directory, json)));
    });
  program
    .command("repair")
    .summary("save what is sound in a store")
    .description("Makes a store that opens of one whose files are damaged, and tells what was lost.")
    .argument("<directory>", "the store's directory")
    .option("--copy <path>", "where to copy the directory first (beside it where not given)")
    .option("--control-plane", "the store is a control plane's database")
    .option(...JSON_FLAG)
    .addHelpText("after", AFTER_REPAIR)
    .action(async (directory: string, { copy, controlPlane = false, json = false }: Flags) => {
      const order = { directory, copy, isControlPlane: controlPlane };
      finish(await runCommand(host, repairCommand(order, json)));
    });
}

function addBackups(program: Command, host: Host, finish: (code: number) => void): void {
  program
    .command("backup")
    .summary("copy a store into a backup")
    .description("Copies a store as it is into a directory that does not exist yet.")
    .argument("<directory>", "the store's directory")
    .argument("<backup>", "the directory to be made")
    .option("--bytes-per-second <n>", "copy no faster than that", toCount)
    .option(...JSON_FLAG)
    .addHelpText("after", AFTER_BACKUP)
    .action(async (directory: string, backup: string, { bytesPerSecond, json = false }: Flags) => {
      finish(await runCommand(host, backupCommand({ directory, backup, bytesPerSecond }, json)));
    });
  program
    .command("verify-backup")
    .summary("see whether a backup is whole")
    .description("Verifies that a backup is whole and holds what it was made of.")
    .argument("<backup>", "the backup's directory")
    .option(...JSON_FLAG)
    .addHelpText("after", AFTER_VERIFY)
    .action(async (backup: string, { json = false }: Flags) => {
      finish(await runCommand(host, verifyCommand(backup, json)));
    });
  program
    .command("restore")
    .summary("make a store of a backup")
    .description("Makes a store of a backup, in a directory that does not exist yet.")
    .argument("<backup>", "the backup's directory")
    .argument("<directory>", "the directory to be made")
    .option(...JSON_FLAG)
    .addHelpText("after", AFTER_RESTORE)
    .action(async (backup: string, directory: string, { json = false }: Flags) => {
      finish(await runCommand(host, restoreCommand(backup, directory, json)));
    });
}

function toCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError("It is no integer from 1 on.");
}

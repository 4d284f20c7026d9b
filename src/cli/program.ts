import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Command, CommanderError, Option } from "commander";
import { addCare } from "./care-program.ts";
import { goCommand, infoCommand, plainCommand } from "./commands.ts";
import type { Host } from "./host.ts";
import { runCommand } from "./run-command.ts";

/** Exit code for wrong usage. */
const USAGE = 2;

const AFTER_HELP = `
Examples:
  $ meshgate-db info ./meshgate
  $ meshgate-db info ./meshgate --json
  $ meshgate-db import-bolt meshgate.db ./meshgate --dry-run
  $ meshgate-db import-bolt meshgate.db ./meshgate
  $ meshgate-db import-bolt --plain any.bolt.db ./store
  $ meshgate-db backup ./meshgate ./backups/monday
  $ meshgate-db check ./meshgate

Exit codes:
  0    done
  1    failed; stderr has the error's code and what to do
  2    wrong usage: an unknown command or option, a missing argument
  130  stopped by Ctrl-C (143: by SIGTERM); a second one ends at once
`;

const AFTER_INFO = `
The directory must not be open elsewhere; none of its rows is changed. Rows and
bytes are counted one by one, the entries of indexes apart from the records.

Example:
  $ meshgate-db info ./meshgate
`;

const AFTER_IMPORT = `
The file is only read. Stop the program that writes to it, or pass a copy.

Without --plain it is a Go control plane's: records become those of this
release, indexes and the counts of quotas are built anew, and a record that
does not fit goes to quarantine with the reason. Run again, it doubles nothing,
and goes on where it was stopped.

With --plain, buckets and rows become those of a store as they are. It is done
as a whole or not at all, and refused where a bucket of that name is there. A
dry run then tells of the file alone, not of the directory.

Examples:
  $ meshgate-db import-bolt meshgate.db ./meshgate --dry-run
  $ meshgate-db import-bolt meshgate.db ./meshgate --tenant acme
  $ meshgate-db import-bolt --plain any.bolt.db ./store --json
`;

interface InfoFlags {
  readonly json?: boolean;
}

interface ImportFlags {
  readonly dryRun?: boolean;
  readonly tenant?: string;
  readonly plain?: boolean;
  readonly json?: boolean;
}

/**
 * Runs the program.
 *
 * @param args without those of Node itself
 * @returns the exit code
 */
export async function runProgram(args: readonly string[], host: Host): Promise<number> {
  let code = 0;
  const program = makeProgram(host, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    // Help and the version end the parsing, too, but with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE;
    throw error;
  }
}

function makeProgram(host: Host, finish: (code: number) => void): Command {
  const program = new Command("meshgate-db")
    .description("Looks into and after stores of @meshgate/database, and brings bbolt files over.")
    .version(readVersion(), "-V, --version", "show the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand("help [command]", "show the help of a command")
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns || 80,
      getErrHelpWidth: () => host.stderr.columns || 80,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError("(add --help for what there is)")
    .exitOverride()
    .addHelpText("after", AFTER_HELP);
  addInfo(program, host, finish);
  addImport(program, host, finish);
  addCare(program, host, finish);
  return program;
}

function addInfo(program: Command, host: Host, finish: (code: number) => void): void {
  program
    .command("info")
    .summary("show what a store holds")
    .description(
      "Shows a store's buckets with their rows, bytes, encodings and sequences, its size and its schema version.",
    )
    .argument("<directory>", "the store's directory")
    .option("--json", "print one JSON document instead of text")
    .addHelpText("after", AFTER_INFO)
    .action(async (directory: string, { json = false }: InfoFlags) => {
      finish(await runCommand(host, infoCommand(directory, json)));
    });
}

function addImport(program: Command, host: Host, finish: (code: number) => void): void {
  program
    .command("import-bolt")
    .summary("bring a bbolt file into a store")
    .description(
      "Brings a Go control plane's bbolt file into the database of a control plane; with --plain any bbolt file into a store, buckets to buckets.",
    )
    .argument("<file>", "the bbolt file")
    .argument("<directory>", "the store's directory, made where there is none")
    .option("--dry-run", "tell what would be done, and write nothing")
    .addOption(new Option("--tenant <id>", 'the tenant of records that name none ("system" where not given)'))
    .addOption(new Option("--plain", "keep buckets and rows as they are").conflicts("tenant"))
    .option("--json", "print one JSON document instead of text")
    .addHelpText("after", AFTER_IMPORT)
    .action(async (file: string, directory: string, flags: ImportFlags) => {
      const { dryRun = false, json = false, tenant } = flags;
      const command =
        flags.plain === true
          ? plainCommand({ file, directory, dryRun }, json)
          : goCommand({ file, directory, dryRun, tenant }, json);
      finish(await runCommand(host, command));
    });
}

function readVersion(): string {
  // By the package's name: where this file lies is for the build to say.
  const require = createRequire(import.meta.url);
  const text = readFileSync(require.resolve("@meshgate/database/package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

import { DatabaseError } from "../errors.ts";
import { checkCount } from "../store/options.ts";
import type { Direction, History } from "./history.ts";
import type { Migration, Step } from "./step.ts";

/** A step that is to be run. */
export interface PlannedStep {
  readonly migration: Migration;
  readonly direction: Direction;
  readonly step: Step;
}

/**
 * What is to be run to bring a store to a version.
 *
 * @param to the version; the last of the list by default
 * @throws DatabaseError `MIGRATION_NEWER`, `MIGRATION_MISMATCH`, `MIGRATION_IRREVERSIBLE`, `OPTION_INVALID`
 */
export function planSteps(
  list: readonly Migration[],
  history: History,
  to: number = list.length,
): PlannedStep[] {
  checkCount(to, 0, "The option to");
  refuseForeign(list, history);
  if (to > list.length) {
    throw new DatabaseError(
      "OPTION_INVALID",
      `The option to is ${to}, but the list ends with migration ${list.length}. Pass a version up to that.`,
    );
  }
  const steps: PlannedStep[] = [];
  let { version } = history;
  const { running } = history;
  if (running !== undefined) {
    // What is half done is finished first, whichever way the rest goes.
    const next = planned(list, running.version, running.direction);
    if (typeof next.step === "function") {
      throw new DatabaseError(
        "MIGRATION_MISMATCH",
        `Migration ${running.version} (${running.description}) was begun in batches and is half done, but the list has it as a function. Put the batched step back, so that it can be finished.`,
        { details: { version: running.version } },
      );
    }
    steps.push(next);
    version = running.direction === "up" ? running.version : running.version - 1;
  }
  for (; version < to; version++) steps.push(planned(list, version + 1, "up"));
  for (; version > to; version--) steps.push(planned(list, version, "down"));
  return steps;
}

function planned(list: readonly Migration[], version: number, direction: Direction): PlannedStep {
  const migration = list[version - 1] as Migration;
  const step = migration[direction];
  if (step !== undefined) return { migration, direction, step };
  throw new DatabaseError(
    "MIGRATION_IRREVERSIBLE",
    `Migration ${version} (${migration.description}) has no down, so the store cannot go back beyond it. Nothing was changed. Restore the backup that was made before it, or write its down.`,
    { details: { version } },
  );
}

/** @throws DatabaseError `MIGRATION_NEWER`, `MIGRATION_MISMATCH` */
function refuseForeign(list: readonly Migration[], history: History): void {
  const { version, applied, running } = history;
  const known = running === undefined ? applied : [...applied, running];
  const fits = known.every(
    (entry) => entry.version > list.length || list[entry.version - 1]?.description === entry.description,
  );
  if (fits) {
    if (Math.max(version, running?.version ?? 0) <= list.length) return;
    const last = known.at(-1);
    const named =
      last === undefined ? "" : ` (the last was ${last.version}, ${JSON.stringify(last.description)})`;
    throw new DatabaseError(
      "MIGRATION_NEWER",
      `The store is at version ${version}${named}, this program knows up to ${list.length}. Install the release that wrote it, or a later one; nothing was changed.`,
      { details: { version, known: list.length } },
    );
  }
  const spell = (entries: readonly { version: number; description: string }[]) =>
    entries.map((entry) => `${entry.version} ${JSON.stringify(entry.description)}`).join(", ");
  throw new DatabaseError(
    "MIGRATION_MISMATCH",
    `The migrations that the store went through are not those of the list: steps were renamed, removed or put in another order. The store has: ${spell(known)}. The list has: ${spell(list)}. Put the list right: what was released must stay as it was.`,
    {
      details: {
        store: known,
        list: list.map(({ version: v, description }) => ({ version: v, description })),
      },
    },
  );
}

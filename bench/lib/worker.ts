// The process that runs one side of a group, or several that are together.
import { createHash } from "node:crypto";
import { ClassicLevel } from "classic-level";
import { ControlPlaneSession } from "../subjects/control-plane.ts";
import { recordSubjects, subjects } from "../subjects/index.ts";
import type { RecordSession } from "../subjects/record-session.ts";
import type { Database, Session } from "../subjects/session.ts";
import { makeControlPlaneTrial } from "./control-plane-trials.ts";
import { interleave } from "./interleave.ts";
import type { TrialSide } from "./model.ts";
import { makeRecordTrial } from "./record-trials.ts";
import { rest } from "./rest.ts";
import { makeTrial, type Trial } from "./trials.ts";

/** A side, and what it finds. */
export interface Task {
  readonly side: TrialSide;
  readonly directory: string;
  /** How many rows lie there. */
  readonly stored: number;
}

/** What it is told; it answers each command before the next is sent. */
export type Command =
  | { readonly do: "measure"; readonly first: number; readonly turns: number }
  | { readonly do: "check"; readonly turn: number }
  | { readonly do: "close" };

/** What it answers for each of its sides: the times of its turns in milliseconds, or a digest; or that it is done. */
export type Answer = readonly (readonly number[])[] | readonly string[] | true;

process.once("disconnect", () => process.exit()); // Nobody is left to measure for.

// By directory: sides that read one dataset read it through one open database, whichever the subject.
const databases = new Map<string, Database>();
const sessions = new Map<string, Session>();
const recordSessions = new Map<string, RecordSession>();
const controlPlanes = new Map<string, ControlPlaneSession>();
const trials: Trial[] = [];
for (const task of JSON.parse(process.argv[2] ?? "") as Task[]) trials.push(await open(task));

process.on("message", async (command: Command) => {
  process.send?.(await obey(command));
  if (command.do === "close") process.disconnect();
});
process.send?.(true satisfies Answer);

async function open({ side, directory, stored }: Task): Promise<Trial> {
  let database = databases.get(directory);
  if (database === undefined) {
    database = new ClassicLevel(directory);
    await database.open();
    databases.set(directory, database);
  }
  const { durability = "durable" } = side;
  if (side.about === "control-plane") {
    const session = controlPlanes.get(directory) ?? new ControlPlaneSession(database, durability);
    controlPlanes.set(directory, session);
    return makeControlPlaneTrial(side.operation, session, stored);
  }
  const name = `${side.subject} ${directory}`;
  if (side.about === "records") {
    const session = recordSessions.get(name) ?? (await recordSubjects[side.subject](database, durability));
    recordSessions.set(name, session);
    return makeRecordTrial(side.operation, { session, database, stored });
  }
  const session = sessions.get(name) ?? (await subjects[side.subject](database, durability));
  sessions.set(name, session);
  return makeTrial(side.operation, { session, database, stored });
}

async function obey(command: Command): Promise<Answer> {
  switch (command.do) {
    case "measure": {
      const times = await interleave(trials, command.first, command.turns);
      await rest();
      return times.map((side) => Array.from(side));
    }
    case "check":
      return Promise.all(trials.map(async (trial) => digest(await trial.check(command.turn))));
    case "close":
      for (const open of [sessions, recordSessions, controlPlanes])
        for (const session of open.values()) await session.close();
      for (const database of databases.values()) await database.close();
      return true;
  }
}

function digest(result: unknown): string {
  return createHash("sha256").update(JSON.stringify(result)).digest("hex");
}

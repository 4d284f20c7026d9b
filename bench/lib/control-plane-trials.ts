// Makes operations on a control plane's database runnable, as trials.ts does for those on metrics rows.
import { isDeepStrictEqual } from "node:util";
import { type ControlPlaneSession, type RowReader, rowReaders } from "../subjects/control-plane.ts";
import { rowsOfUser, USER_PREFIXES, userSavers } from "../subjects/user-savers.ts";
import type { ControlPlane, KnownSecret } from "./control-plane-datasets.ts";
import type { ControlPlaneOperation } from "./control-plane-model.ts";
import {
  entryOf,
  PER_TENANT,
  rowsOf,
  SECRETS,
  TENANTS,
  tenantOf,
  UNKNOWN,
  userOf,
  windowOf,
} from "./control-plane-rows.ts";
import { digestOf } from "./digest.ts";
import { pick } from "./rows.ts";
import type { Trial } from "./trials.ts";

/** An operation by its kind. */
type Operation<Kind extends ControlPlaneOperation["kind"]> = Extract<
  ControlPlaneOperation,
  { readonly kind: Kind }
>;

/** Makes a trial of an operation. @param stored how many rows the store held from the beginning */
export async function makeControlPlaneTrial(
  operation: ControlPlaneOperation,
  session: ControlPlaneSession,
  stored: number,
): Promise<Trial> {
  switch (operation.kind) {
    case "users": {
      const tenantAt = (turn: number) => tenantOf(pick(turn, stored / PER_TENANT.users));
      const reader = await rowReaders[operation.by](session);
      return readTrial(PER_TENANT.users, reader, (turn) => {
        const tenantId = tenantAt(turn);
        return () => reader.users(tenantId);
      });
    }
    case "window": {
      const reader = await rowReaders[operation.by](session);
      return readTrial(operation.rows, reader, (turn) => {
        const window = windowOf(turn, operation.rows, stored);
        return () => reader.window(window);
      });
    }
    case "verifications":
      return verifyTrial(operation, await session.controlPlane(), stored);
    case "save-users":
      return saveTrial(operation, session);
    case "appends":
      return appendTrial(operation.rows, await session.populated());
    case "trail":
      return trailTrial(operation.rows, await session.controlPlane(), stored);
  }
}

function readTrial(
  rows: number,
  reader: RowReader,
  prepare: (turn: number) => () => Promise<unknown[]>,
): Trial {
  return {
    prepare,
    async check(turn) {
      const found = await prepare(turn)();
      if (found.length !== rows) throw new Error(`A read gave ${found.length} rows instead of ${rows}.`);
      return reader.comparable(found);
    },
  };
}

async function verifyTrial(
  { count, secret: which, permission }: Operation<"verifications">,
  db: ControlPlane,
  stored: number,
): Promise<Trial> {
  const [known, unknown] = await db.store.view(async (tx) => {
    const secrets = (await tx.bucket(SECRETS))!;
    const numbers = rowsOf((number) => number, 0, stored);
    return [(await secrets.getMany(numbers)) as KnownSecret[], (await secrets.get(UNKNOWN)) as KnownSecret];
  });
  const secretsOf = (turn: number) =>
    rowsOf((number) => (which === "known" ? known[pick(number, stored)]! : unknown), turn * count, count);
  const options = permission === undefined ? undefined : { permission };
  return {
    prepare(turn) {
      const texts = secretsOf(turn).map(({ secret }) => secret);
      return async () => {
        for (const text of texts) await db.verifyApiKey(text, options);
      };
    },
    async check(turn) {
      for (const { secret, ...expected } of secretsOf(turn)) {
        const found = await db.verifyApiKey(secret, options);
        const { permissions: _, ...key } = found.ok ? found.key : { permissions: [] };
        const wanted = which === "known" ? { ok: true, key: expected } : { ok: false, reason: "unknown" };
        if (!isDeepStrictEqual(found.ok ? { ok: true, key } : found, wanted))
          throw new Error(`A verification gave ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}.`);
      }
      return count;
    },
  };
}

async function saveTrial(
  { by, rows }: Operation<"save-users">,
  session: ControlPlaneSession,
): Promise<Trial> {
  const save = await userSavers[by](session);
  const usersOf = (turn: number) => rowsOf(userOf, turn * rows, rows);
  return {
    prepare(turn) {
      const users = usersOf(turn);
      return () => save(users);
    },
    async check(turn) {
      const users = usersOf(turn);
      if (by !== "hand") await checkCount(await session.controlPlane(), users[0]!.tenantId);
      const expected = users.flatMap(rowsOfUser);
      const found = await session.database.getMany(expected.map(([key]) => key));
      if (!expected.every(([, value], index) => value === found[index]))
        throw new Error("A user or an entry that was committed is missing or not as it was written.");
      // The subjects have to leave the same rows behind, and no others.
      return Promise.all(USER_PREFIXES.map((prefix) => digestOf(session.database, prefix)));
    },
  };
}

/** Makes sure that the quota counts what there is. */
async function checkCount(db: ControlPlane, tenantId: string): Promise<void> {
  const { ok, counts } = await db.tenant(tenantId).quota.verify();
  if (!ok) throw new Error(`The quota of ${tenantId} counts ${JSON.stringify(counts)}.`);
}

function appendTrial(rows: number, db: ControlPlane): Trial {
  const auditOf = (turn: number) => db.tenant(tenantOf(turn % TENANTS)).audit;
  const entriesOf = (turn: number) => rowsOf(entryOf, turn * rows, rows);
  return {
    prepare(turn) {
      const audit = auditOf(turn);
      const entries = entriesOf(turn);
      return () => audit.appendMany(entries);
    },
    async check(turn) {
      const audit = auditOf(turn);
      const report = await audit.verify();
      if (!report.ok) throw new Error(report.problem.message);
      for (const entry of entriesOf(turn)) {
        const { tenantId: _, sequence: __, hash: ___, ...said } = (await audit.get(entry.id)) ?? {};
        if (!isDeepStrictEqual(said, entry)) throw new Error(`The entry ${entry.id} is not as it was given.`);
      }
      return report.entries;
    },
  };
}

function trailTrial(rows: number, db: ControlPlane, stored: number): Trial {
  const verify = (turn: number) => db.tenant(tenantOf(pick(turn, stored / rows))).audit.verify();
  return {
    prepare: (turn) => () => verify(turn),
    async check(turn) {
      const report = await verify(turn);
      if (!report.ok || report.entries !== rows)
        throw new Error(`The verification of ${rows} entries found ${JSON.stringify(report)}.`);
      return report.entries;
    },
  };
}

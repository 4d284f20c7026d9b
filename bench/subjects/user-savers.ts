// Who saves users of a tenant in one commit.
import type { SavedBy } from "../lib/control-plane-model.ts";
import type { BenchUser } from "../lib/control-plane-rows.ts";
import { encode } from "../lib/rows.ts";
import type { ControlPlaneSession } from "./control-plane.ts";

/** Saves users, all of one tenant, in one commit. */
export type SaveUsers = (users: readonly BenchUser[]) => Promise<unknown>;

/** Where the rows of users lie on disk, whoever put them. */
export const USER_PREFIXES: readonly string[] = [
  "!users!",
  "!idx_users_by_email!",
  "!idx_users_by_id!",
  "!idx_users_by_role!",
];

const UTF8 = { encoding: "utf8" } as const;

/** Makes ready to save users into a store that is empty. */
export const userSavers: Readonly<Record<SavedBy, (session: ControlPlaneSession) => Promise<SaveUsers>>> = {
  async saveUser(session) {
    const db = await session.populated();
    return (users) =>
      db.update(async (tx) => {
        for (const user of users) await tx.saveUser(user);
      });
  },
  async saveMany(session) {
    const db = await session.populated();
    return (users) => db.tenant(users[0]!.tenantId).users.saveMany(users);
  },
  async hand(session) {
    const store = await session.store();
    await store.update(async (tx) => {
      await tx.createBucket("users");
      for (const name of ["email", "id", "role"]) await tx.createBucket(`idx_users_by_${name}`, UTF8);
    });
    return (users) =>
      store.update(async (tx) => {
        const records = (await tx.bucket("users"))!;
        const emails = (await tx.bucket("idx_users_by_email", UTF8))!;
        const ids = (await tx.bucket("idx_users_by_id", UTF8))!;
        const roles = (await tx.bucket("idx_users_by_role", UTF8))!;
        for (const user of users) {
          const { tenantId, id, email, role } = user;
          await records.put([tenantId, id], { ...user, createdAt: user.createdAt.toISOString() });
          await emails.put([email], `J${tenantId}"J${id}`);
          await ids.put([id, tenantId, id], "");
          await roles.put([tenantId, role, tenantId, id], "");
        }
      });
  },
};

/** The rows that a user comes to, as charwise and JSON write them. */
export function rowsOfUser(user: BenchUser): [key: string, value: string][] {
  const { tenantId, id, email, role } = user;
  const [records, emails, ids, roles] = USER_PREFIXES;
  return [
    [records + encode([tenantId, id]), JSON.stringify(user)],
    [emails + encode([email]), `J${tenantId}"J${id}`],
    [ids + encode([id, tenantId, id]), ""],
    [roles + encode([tenantId, role, tenantId, id]), ""],
  ];
}

import { DatabaseError } from "../../errors.ts";
import type { Transaction } from "../../store/transaction.ts";
import { users } from "./users.ts";

/** @param what names whose user it is, such as `An API key` @throws DatabaseError `REFERENCE_INVALID` */
export async function requireUser(
  tx: Transaction,
  tenantId: string,
  userId: string,
  what: string,
): Promise<void> {
  if (await users.in(tx).has([tenantId, userId])) return;
  throw new DatabaseError(
    "REFERENCE_INVALID",
    `${what} names the user ${JSON.stringify(userId)}, which the tenant ${JSON.stringify(tenantId)} does not have. Save the user first.`,
    { details: { tenantId, collection: users.name, id: userId } },
  );
}

import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import type { Page } from "../../collections/pages.ts";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { email, id } from "../common/fields.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import type { Scope } from "../common/scope.ts";
import { type Saved, TenantRecords } from "../common/tenant-records.ts";
import { revokeOwned } from "./api-key-record.ts";
import { sessions } from "./session-record.ts";

const role = z.enum(["admin", "user", "viewer"]);

const user = z.strictObject({
  tenantId: id,
  id,
  /** Unique among all tenants, in lower case. */
  email,
  /** Whatever the control plane's password library gives; the database makes none. */
  passwordHash: z.string().max(1024).optional(),
  role: role.default("user"),
  createdAt: z.date(),
  lastLogin: z.date().optional(),
});

/** The collection `users`. */
export const users = collection({
  name: "users",
  schema: user,
  key: ["tenantId", "id"],
  indexes: {
    email: { on: "email", unique: true },
    id: { on: "id" },
    role: { on: ["tenantId", "role"] },
  },
});

export type User = RecordOf<typeof users>;
export type Role = User["role"];
/** What a user is made from. */
export type UserInput = Saved<z.input<typeof user>, "createdAt">;

/** The users of a tenant. */
export class Users extends TenantRecords<User, UserInput> {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    super(scope, { collection: users, noun: "user", counted: "users", createdAt: "createdAt" });
    this.#scope = scope;
  }

  /** The user with an email, however it is written. @returns undefined where the tenant has none @throws DatabaseError `KEY_INVALID` */
  async getByEmail(address: string): Promise<User | undefined> {
    const found = await this.#scope.view((tx) => users.in(tx).by("email").get(spellEmail(address)));
    return found?.tenantId === this.#scope.tenantId ? found : undefined;
  }

  /** The tenant's users in the order of their ids, or of one role. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  list(options: ListOptions & { readonly role?: Role | undefined } = {}): Promise<Page<User>> {
    checkList(options, ["role"], "users.list()");
    const { role: wanted, ...page } = options;
    const { tenantId } = this.#scope;
    return this.#scope.view((tx) => {
      const records = users.in(tx);
      return wanted === undefined
        ? pageOf(records, { prefix: [tenantId] }, page)
        : pageOf(records.by("role"), { prefix: [tenantId, wanted] }, page);
    });
  }

  /** A user that goes takes sessions and API keys along. */
  protected override async release(tx: Transaction, { id: userId }: User, now: Date): Promise<void> {
    const owned = { prefix: [this.#scope.tenantId, userId] } as const;
    await sessions.in(tx).deleteMany(sessions.in(tx).by("user").keys(owned));
    await revokeOwned(tx, this.#scope.tenantId, userId, now);
  }
}

/** An address as it is kept. @throws DatabaseError `KEY_INVALID` */
export function spellEmail(address: string): string {
  if (typeof address !== "string")
    throw new DatabaseError("KEY_INVALID", `A user is found by an email, got ${show(address)}. Pass text.`);
  return address.trim().toLowerCase();
}

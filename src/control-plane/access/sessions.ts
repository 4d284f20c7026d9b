import { z } from "zod";
import type { Page } from "../../collections/pages.ts";
import { DatabaseError } from "../../errors.ts";
import { checkBoolean, checkCount, show } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import { parse } from "../common/parse.ts";
import type { Scope } from "../common/scope.ts";
import { createSecret, createSecretId, hashSecret, isOver } from "./secrets.ts";
import { type Session, type SessionRecord, sessionFields, sessionOf, sessions } from "./session-record.ts";
import { requireUser } from "./user-reference.ts";
import { type SessionVerification, verifySession } from "./verify-session.ts";

const PREFIX = "mgs";

const sessionInput = z.strictObject({
  ...sessionFields,
  /** How long it lasts, in milliseconds. */
  ttl: z.int().positive(),
});

/** What a session is made from. */
export type SessionInput = z.input<typeof sessionInput>;

/** A session with its token, which is shown this once and kept nowhere. */
export interface NewSession {
  readonly token: string;
  readonly session: Session;
}

/** Which sessions a list shows. */
export interface SessionFilter extends ListOptions {
  /** Those of one user. */
  readonly userId?: string | undefined;
  /** True: those that have not expired; false: those that have. */
  readonly active?: boolean | undefined;
}

/** The sessions of a tenant's users. */
export class Sessions {
  readonly #scope: Scope;

  /** @internal */
  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /**
   * Begins a session.
   *
   * @returns the session, and its token: it cannot be shown again
   * @throws DatabaseError `RECORD_INVALID` with `details.issues`, `REFERENCE_INVALID` for a user that the tenant does
   * not have, `TENANT_NOT_FOUND`, `TENANT_SUSPENDED`, `TENANT_BUSY`
   */
  create(input: SessionInput): Promise<NewSession> {
    const change = ({ session: { id, userId } }: NewSession) => ({
      action: "session.create",
      resource: `${sessions.name}/${id}`,
      details: { userId },
    });
    return this.#scope.update(change, async (tx, now) => {
      const { tenantId } = this.#scope;
      const { ttl, ...fields } = parse(sessionInput, input, "sessions.create()");
      await requireUser(tx, tenantId, fields.userId, "The session");
      const id = createSecretId();
      const token = createSecret(PREFIX, id);
      const times = { createdAt: now, expiresAt: new Date(now.getTime() + ttl) };
      const record = { ...fields, ...times, tenantId, id, secret: hashSecret(token) };
      return { token, session: sessionOf(await sessions.in(tx).insert(record)) };
    });
  }

  /** @returns undefined where the tenant has no session with this id */
  get(id: string): Promise<Session | undefined> {
    return this.#scope.view(async (tx) => {
      const found = await sessions.in(tx).get([this.#scope.tenantId, id]);
      return found === undefined ? undefined : sessionOf(found);
    });
  }

  /** The tenant's sessions, in no order that tells anything. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  list(options: SessionFilter = {}): Promise<Page<Session>> {
    checkList(options, ["userId", "active"], "sessions.list()");
    checkBoolean(options.active, "The option active");
    const { userId, active, ...page } = options;
    const { tenantId, settings } = this.#scope;
    const now = settings.now();
    const isWanted = (session: SessionRecord) => !isOver(session.expiresAt, now) === active;
    const where = active === undefined ? undefined : isWanted;
    return this.#scope.view(async (tx) => {
      const records = sessions.in(tx);
      const found = await (userId === undefined
        ? pageOf(records, { prefix: [tenantId] }, page, where)
        : pageOf(records.by("user"), { prefix: [tenantId, userId] }, page, where));
      return { records: found.records.map(sessionOf), next: found.next };
    });
  }

  /** Verifies a token, and writes nothing. A session of another tenant is unknown here. */
  verify(token: string): Promise<SessionVerification> {
    const { runner, settings, tenantId } = this.#scope;
    return verifySession(runner, settings, token, tenantId);
  }

  /**
   * Notes that a session was used: `lastSeen` is now. Within `lastUsedEvery` of the note before, nothing is written.
   *
   * @returns the session as it is now
   * @throws DatabaseError `RECORD_NOT_FOUND`, also where it has expired; else as {@link create}
   */
  async touch(id: string): Promise<Session> {
    const { tenantId, settings } = this.#scope;
    const known = await this.#scope.view((tx) => this.#findActive(tx, id, settings.now()));
    const elapsed = settings.now().getTime() - (known.lastSeen ?? known.createdAt).getTime();
    if (elapsed < settings.lastUsedEvery) return sessionOf(known);
    return this.#scope.updateUnlogged(async (tx, lastSeen) => {
      await this.#findActive(tx, id, lastSeen);
      return sessionOf(await sessions.in(tx).update([tenantId, id], { lastSeen }));
    });
  }

  /**
   * Lets a session last longer, or less long. Cost: a commit each; to be called when it is about to end, rather than
   * with each request.
   *
   * @param ttl milliseconds from now
   * @returns the session as it is now
   * @throws DatabaseError `OPTION_INVALID`; else as {@link touch}
   */
  extend(id: string, ttl: number): Promise<Session> {
    checkCount(ttl, 1, "The time to live");
    // As with a heartbeat: no change that an audit trail is kept for.
    return this.#scope.updateUnlogged(async (tx, now) => {
      await this.#findActive(tx, id, now);
      const times = { lastSeen: now, expiresAt: new Date(now.getTime() + ttl) };
      return sessionOf(await sessions.in(tx).update([this.#scope.tenantId, id], times));
    });
  }

  /** Ends a session: from now on its token is unknown. @returns whether there was one */
  end(id: string): Promise<boolean> {
    const change = (was: boolean) =>
      was ? { action: "session.end", resource: `${sessions.name}/${id}` } : undefined;
    return this.#scope.update(change, (tx) => sessions.in(tx).delete([this.#scope.tenantId, id]));
  }

  /** Ends all sessions of a user. @returns how many there were */
  endAll(userId: string): Promise<number> {
    const change = (count: number) =>
      count === 0 ? undefined : { action: "session.endAll", resource: `users/${userId}`, details: { count } };
    return this.#scope.update(change, (tx) => {
      const records = sessions.in(tx);
      return records.deleteMany(records.by("user").keys({ prefix: [this.#scope.tenantId, userId] }));
    });
  }

  async #findActive(tx: Transaction, id: string, now: Date): Promise<SessionRecord> {
    const { tenantId } = this.#scope;
    const found = await sessions.in(tx).get([tenantId, id]);
    if (found !== undefined && !isOver(found.expiresAt, now)) return found;
    throw new DatabaseError(
      "RECORD_NOT_FOUND",
      `The tenant ${JSON.stringify(tenantId)} has no session ${show(id)} that lasts. Create one.`,
      { details: { collection: sessions.name, key: [tenantId, id] } },
    );
  }
}

import { chain } from "../../awaitable.ts";
import type { Runner } from "../common/scope.ts";
import type { Settings } from "../common/settings.ts";
import { hashSecret, isOver, matches, parseSecret } from "./secrets.ts";
import { type Session, sessionOf, sessions } from "./session-record.ts";
import { mayAct } from "./verify-key.ts";

/**
 * Why a token is refused. "malformed": no token, or one with a typing error; "unknown": not a token of any session, or
 * of one that was ended; "expired"; "suspended": the tenant may not act. The last two are told only to who holds it.
 */
export type SessionRefusal = "malformed" | "unknown" | "expired" | "suspended";

/** What a verification found. */
export type SessionVerification =
  | { readonly ok: true; readonly session: Session }
  | { readonly ok: false; readonly reason: SessionRefusal };

/**
 * Verifies the token of a session; see `verifyApiKey()`. Nothing is written.
 *
 * @param tenantId where it is passed, sessions of other tenants are unknown
 */
export function verifySession(
  runner: Runner,
  settings: Settings,
  token: string,
  tenantId?: string,
): Promise<SessionVerification> {
  const parsed = parseSecret(token);
  if (parsed === undefined) return Promise.resolve({ ok: false, reason: "malformed" });
  const presented = hashSecret(token);
  return runner.view((tx) => {
    const records = sessions.in(tx);
    const { id } = parsed;
    const read = tenantId === undefined ? records.by("id").get(id) : records.get([tenantId, id]);
    return chain(read, (found) => {
      if (!matches(found?.secret, presented) || found === undefined) return { ok: false, reason: "unknown" };
      if (isOver(found.expiresAt, settings.now())) return { ok: false, reason: "expired" };
      return chain(mayAct(tx, found.tenantId), (may) =>
        may ? { ok: true, session: sessionOf(found) } : { ok: false, reason: "suspended" },
      );
    });
  });
}

import { count, withProgress } from "../terminal.ts";
import { HOUR_MS } from "./clock.ts";
import { filesWith } from "./disk.ts";
import { OPERATOR, type Plane, say } from "./plane.ts";
import { measureRate } from "./rate.ts";

/** For how long verifications are counted, with and without a permission. */
const RATE_MS = 150;
const GRACE_MS = HOUR_MS;
/** Characters at the end of a secret that nobody else knows. */
const SECRET_LENGTH = 33;

/** Uses an API key from its creation to its end. */
export async function useKey(plane: Plane): Promise<void> {
  const { db, checks, clock, directory } = plane;
  const [site, other] = plane.sites;
  const keys = db.tenant(site.id).as(OPERATOR).apiKeys;
  const permissions = ["nodes:read", "metrics:*"];
  const { key, secret } = await keys.create({ name: "exporter", userId: "user-1", permissions });
  say(
    `Made for ${permissions.join(" and ")}; of its secret, shown this once, the end is …${secret.slice(-4)}.`,
  );

  const verdict = async (what: string, permission?: string) => {
    const found = await db.verifyApiKey(what, permission === undefined ? {} : { permission });
    return found.ok ? "good" : found.reason;
  };
  checks.equal("a key is known by its secret", await verdict(secret), "good");
  checks.equal("nodes:read is granted", await verdict(secret, "nodes:read"), "good");
  checks.equal("metrics:* grants metrics:write", await verdict(secret, "metrics:write"), "good");
  const denied = await verdict(secret, "nodes:delete");
  checks.equal("nodes:delete is denied", denied, "denied");
  const mistyped = secret.slice(0, -1) + (secret.endsWith("a") ? "b" : "a");
  checks.equal("a mistyped secret is malformed", await verdict(mistyped), "malformed");
  const foreign = await db.tenant(other.id).apiKeys.verify(secret);
  checks.equal("another tenant does not know the key", foreign, { ok: false, reason: "unknown" });
  say(
    `Asked for nodes:read: good. For nodes:delete: ${denied}. Mistyped: malformed. To ${other.id}: unknown.`,
  );

  const named = await filesWith(directory, key.id);
  checks.holds("its public id is on disk", named > 0);
  const leaks = await filesWith(directory, secret.slice(-SECRET_LENGTH));
  checks.equal("files that hold the secret", leaks, 0);
  say(`Files of the database with its public id: ${named}; with its secret: ${leaks}.`);

  const rotated = await keys.rotate(key.id, { grace: GRACE_MS });
  checks.equal("the new secret is good", await verdict(rotated.secret), "good");
  checks.equal("the old secret is good in its grace", await verdict(secret), "good");
  clock.advance(GRACE_MS);
  checks.equal("the old secret is expired after its grace", await verdict(secret), "expired");
  await measureVerifications(plane, rotated.secret);
  await keys.revoke(key.id);
  checks.equal("a revoked key is refused", await verdict(rotated.secret), "revoked");
  say("Rotated: both secrets are good for an hour, then the old one is expired. Revoked: refused.");
}

async function measureVerifications({ db, signal, facts }: Plane, secret: string): Promise<void> {
  const measure = (permission: string | undefined) =>
    measureRate(RATE_MS, signal, () =>
      db.verifyApiKey(secret, permission === undefined ? {} : { permission }),
    );
  const text = () => "   verifying the key again and again";
  await withProgress(text, measure(undefined)); // The first ones run code that is not compiled yet.
  const identified = await withProgress(text, measure(undefined));
  const permitted = await withProgress(text, measure("nodes:read"));
  const figures = [identified, permitted].map(({ perSecond }) => count(perSecond));
  facts.push(["key checks", `${figures[0]} a second, ${figures[1]} with a permission`]);
}

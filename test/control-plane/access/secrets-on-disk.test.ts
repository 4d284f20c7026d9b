import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hashSecret, parseSecret } from "../../../src/control-plane/access/secrets.ts";
import { dump } from "../../helpers/stores.ts";
import { HOUR, useDatabases } from "../databases.ts";

const databases = useDatabases();

/** A text as bytes in each way in which it may come to lie in a file. */
function spellings(text: string): Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    // The first and the last characters depend on what stands around the text.
    const whole = Buffer.concat([Buffer.alloc(shift), Buffer.from(text)]).toString("base64");
    return whole.replaceAll("=", "").slice(shift === 0 ? 0 : 4, -2);
  });
  const bytes = Buffer.from(text);
  const hex = bytes.toString("hex");
  const wide = Buffer.from(text, "utf16le");
  return [
    bytes,
    wide,
    Buffer.from(wide).swap16(),
    ...[hex, hex.toUpperCase(), ...base64].map((each) => Buffer.from(each)),
  ];
}

async function filesOf(directory: string): Promise<{ name: string; bytes: Buffer }[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => ({
        name: entry.name,
        bytes: await readFile(join(entry.parentPath, entry.name)),
      })),
  );
}

describe("the secrets of keys and sessions", () => {
  test("are nowhere on disk, and in no result but that which first shows them", async () => {
    const db = await databases.open();
    await db.saveTenant({ id: "a", name: "a" });
    const tenant = db.tenant("a").as({ userId: "u1", ipAddress: "10.0.0.1" });
    await tenant.users.save({ id: "u1", email: "u1@a.example" });
    const { apiKeys, sessions } = tenant;
    const texts: string[] = [];
    const hidden: unknown[] = [];
    for (let i = 0; i < 4; i++) {
      const made = await apiKeys.create({ name: `k${i}`, userId: "u1", permissions: ["nodes:*"] });
      const next = await apiKeys.rotate(made.key.id);
      const { token, session } = await sessions.create({ userId: "u1", ttl: HOUR, userAgent: "curl" });
      texts.push(made.secret, next.secret, token);
      hidden.push(made.key, next.key, session);
      hidden.push(await apiKeys.get(made.key.id), await apiKeys.update(made.key.id, { name: "new" }));
      hidden.push(await apiKeys.verify(made.secret), await apiKeys.verify(next.secret, { permission: "x" }));
      hidden.push(await sessions.get(session.id), await sessions.verify(token));
      hidden.push(await sessions.touch(session.id), await sessions.extend(session.id, HOUR));
      if (i === 1) hidden.push(await apiKeys.revoke(made.key.id), await sessions.end(session.id));
      if (i === 2) hidden.push(await apiKeys.delete(made.key.id));
    }
    hidden.push(await apiKeys.list(), await sessions.list(), (await tenant.audit.list()).records);
    const shown = JSON.stringify(hidden);
    for (const text of texts) {
      expect(shown).not.toContain(text.slice(-33, -6));
      expect(shown).not.toContain(hashSecret(text).hash);
      expect(shown).toContain(parseSecret(text)?.id);
    }
    expect(shown).not.toMatch(/"(secrets?|token|algorithm)"/);
    await db.close();
    await expectHidden(texts, true);
    // Again after the files were written anew, as tables.
    const again = await databases.open();
    await again.store.compact();
    const rows = JSON.stringify(await dump(again.store));
    for (const text of texts) expect(rows).not.toContain(text.slice(-33, -6));
    expect(rows).toContain(hashSecret(texts[0] as string).hash);
    await again.close();
    await expectHidden(texts, false);
  });

  async function expectHidden(texts: readonly string[], isLog: boolean): Promise<void> {
    const files = await filesOf(databases.path("db"));
    const all = Buffer.concat(files.map(({ bytes }) => bytes));
    // The search finds what is there: the hashes. Tables are compressed, and so perhaps these.
    if (isLog) for (const text of texts) expect(all.includes(hashSecret(text).hash)).toBe(true);
    for (const text of texts) {
      const random = text.slice(-33, -6);
      for (const part of [text, random, text.slice(-33), random.slice(0, 13), random.slice(14)])
        for (const spelling of spellings(part))
          for (const { name, bytes } of files) expect(bytes.includes(spelling), name).toBe(false);
    }
  }
});

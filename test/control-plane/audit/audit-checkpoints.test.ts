import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { pruneAudit } from "../../../src/control-plane/audit/audit-retention.ts";
import { verifyCheckpoint } from "../../../src/control-plane/audit/checkpoints.ts";
import { storeRunner } from "../../../src/control-plane/common/scope.ts";
import { expectRefused } from "../../helpers/stores.ts";
import { MINUTE, useDatabases } from "../databases.ts";

const keys = generateKeyPairSync("ed25519");
const others = generateKeyPairSync("ed25519");
const { publicKey, privateKey } = keys;
const pem = {
  private: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
  public: publicKey.export({ type: "spki", format: "pem" }) as string,
};
const ENTRY = { userId: "u", action: "a", resource: "r" };

describe("checkpoints", () => {
  const databases = useDatabases();

  async function opened(...tenants: string[]) {
    const db = await databases.open();
    for (const id of tenants) await db.saveTenant({ id, name: id });
    return db;
  }

  test("say how the chain stood, signed, in plain JSON", async () => {
    const { audit } = (await opened("t")).tenant("t");
    await audit.append(ENTRY);
    const { sequence, hash } = await audit.append(ENTRY);
    const checkpoint = await audit.checkpoint(privateKey);
    expect(checkpoint).toEqual({
      format: "meshgate-audit-checkpoint",
      version: 1,
      tenantId: "t",
      sequence,
      hash,
      at: databases.clock.now().toISOString(),
      signature: expect.stringMatching(/^[A-Za-z0-9+/]{86}==$/),
    });
    const kept: unknown = JSON.parse(JSON.stringify(checkpoint));
    expect(audit.verifyCheckpoint(kept, publicKey)).toEqual(checkpoint);
    expect(verifyCheckpoint(kept, pem.public)).toEqual(checkpoint);
    expect(await audit.checkpoint(pem.private)).toEqual(checkpoint);
    expect(await audit.verify({ checkpoints: [checkpoint], publicKey: pem.public })).toMatchObject({
      ok: true,
      compared: 1,
    });
  });

  test("are refused where anything in them was changed, or is of another key or tenant", async () => {
    const db = await opened("t", "other");
    const { audit } = db.tenant("t");
    await audit.append(ENTRY);
    const checkpoint = await audit.checkpoint(privateKey);
    const flipped = checkpoint.signature.replace(/^./, (first) => (first === "A" ? "B" : "A"));
    for (const wrong of [
      undefined,
      null,
      "checkpoint",
      [],
      {},
      { ...checkpoint, sequence: 0 },
      { ...checkpoint, sequence: -1 },
      { ...checkpoint, hash: "0".repeat(64) },
      { ...checkpoint, hash: checkpoint.hash.toUpperCase() },
      { ...checkpoint, at: "2026-03-10T12:00:01.000Z" },
      { ...checkpoint, at: "today" },
      { ...checkpoint, version: 2 },
      { ...checkpoint, format: "other" },
      { ...checkpoint, more: 1 },
      { ...checkpoint, signature: "" },
      { ...checkpoint, signature: "x" },
      { ...checkpoint, signature: flipped },
      { ...checkpoint, signature: `${checkpoint.signature}AAAA` },
    ]) {
      await expectRefused("CHECKPOINT_INVALID", () => audit.verifyCheckpoint(wrong, publicKey));
      await expectRefused("CHECKPOINT_INVALID", () =>
        audit.verify({ checkpoints: [wrong as never], publicKey }),
      );
    }
    await expectRefused("CHECKPOINT_INVALID", () => audit.verifyCheckpoint(checkpoint, others.publicKey));
    await expectRefused(
      "CHECKPOINT_INVALID",
      () => db.tenant("other").audit.verifyCheckpoint(checkpoint, publicKey),
      '"t", not of "other"',
    );
    await expectRefused("CHECKPOINT_INVALID", () =>
      db.tenant("other").audit.verify({ checkpoints: [checkpoint], publicKey }),
    );
    // Renamed to fit, it does not bear the signature.
    await expectRefused("CHECKPOINT_INVALID", () =>
      db.tenant("other").audit.verifyCheckpoint({ ...checkpoint, tenantId: "other" }, publicKey),
    );
  });

  test("take Ed25519 keys, and nothing else", async () => {
    const { audit } = (await opened("t")).tenant("t");
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
    for (const key of [publicKey, ec.privateKey, "no key", pem.public, undefined, 7])
      await expectRefused("OPTION_INVALID", () => audit.checkpoint(key as never), "private key");
    const checkpoint = await audit.checkpoint(privateKey);
    for (const key of [privateKey, ec.publicKey, "no key", undefined, 7]) {
      await expectRefused(
        "OPTION_INVALID",
        () => audit.verifyCheckpoint(checkpoint, key as never),
        "public key",
      );
      await expectRefused("OPTION_INVALID", () =>
        audit.verify({ checkpoints: [checkpoint], publicKey: key as never }),
      );
    }
  });

  test("are compared while their entry is there, with the anchor just behind it, and then no more", async () => {
    const db = await opened("t");
    const { audit } = db.tenant("t");
    const checkpoints = [await audit.checkpoint(privateKey)];
    for (let i = 0; i < 10; i++) {
      databases.clock.advance(MINUTE);
      await audit.append(ENTRY);
      checkpoints.push(await audit.checkpoint(privateKey));
    }
    // Two of one entry are compared both.
    const options = { checkpoints: [...checkpoints.slice().reverse(), checkpoints[4] as never], publicKey };
    expect(await audit.verify(options)).toMatchObject({ ok: true, compared: 12, uncompared: [] });
    const before = new Date(databases.clock.time - 5.5 * MINUTE);
    expect(await pruneAudit(storeRunner(db.store), "t", before)).toBe(4);
    expect(await audit.verify(options)).toMatchObject({
      ok: true,
      from: 5,
      compared: 8,
      uncompared: [0, 1, 2, 3],
    });
  });

  test("show a chain that is another one, or shorter", async () => {
    const db = await opened("t");
    const { audit } = db.tenant("t");
    await audit.append(ENTRY);
    await audit.append(ENTRY);
    const two = await audit.checkpoint(privateKey);
    await db.tenant("t").wipe();
    await db.saveTenant({ id: "t", name: "t" });
    expect(await audit.verify({ checkpoints: [two], publicKey })).toEqual({
      ok: false,
      problem: { kind: "checkpoint", sequence: 1, message: expect.stringContaining("ends with entry 0") },
    });
    for (let i = 0; i < 3; i++) await audit.append(ENTRY);
    expect(await audit.verify({ checkpoints: [two], publicKey })).toEqual({
      ok: false,
      problem: { kind: "checkpoint", sequence: 2, message: expect.stringContaining(two.at) },
    });
    expect(await audit.verify()).toMatchObject({ ok: true });
  });
});

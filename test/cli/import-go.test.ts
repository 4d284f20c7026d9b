import { existsSync } from "node:fs";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { DatabaseManager, type GoImportReport, openStore } from "@meshgate/database";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { bucketValue, fileOf, leaf } from "../bolt/edits.ts";
import { findRealFile } from "../bolt/real-file.ts";
import { usePlaces } from "../helpers/places.ts";
import { type Result, run, runProcess, TestHost } from "./run.ts";

const places = usePlaces();

// Dry runs work in the temporary directory, which is to be as they found it.
const { TMPDIR } = process.env;
let temporary: string;
beforeEach(async () => {
  temporary = places.path("tmp");
  await mkdir(temporary);
  process.env["TMPDIR"] = temporary;
});
afterEach(() => {
  if (TMPDIR === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = TMPDIR;
});

/** Writes a file as a Go control plane would, with users of which one has no email, and one no tenant. */
async function writeGoFile(users = 3): Promise<string> {
  const path = places.path("meshgate.db");
  const json = (value: unknown) => Buffer.from(JSON.stringify(value));
  const at = "2025-07-01T12:00:00.123456789+02:00";
  const rows = Array.from({ length: users }, (_, i) => {
    const id = `u${String(i).padStart(6, "0")}`;
    const email = i === 1 ? "none" : `${id}@example.com`;
    return {
      key: id,
      value: json({ id, email, role: "user", tenant_id: i === 2 ? "" : "acme", created_at: at }),
    };
  });
  const tenant = { id: "acme", name: "Acme", domain: "acme.example", created_at: at, is_active: true };
  const buckets: [string, { key: string; value: Buffer }[]][] = [
    ["idx_users_by_email", [{ key: "a@example.com", value: Buffer.from("u000000") }]],
    ["migrations", [{ key: "schema_version", value: Buffer.from("2") }]],
    ["tenants", [{ key: "acme", value: json(tenant) }]],
    ["users", rows],
  ];
  let next = 3;
  const pages: Buffer[] = [];
  const tops = buckets.map(([key, content]) => {
    const page = leaf(next, content);
    const top = { key, value: bucketValue(next), isBucket: true };
    pages.push(page);
    next += Math.max(1, Math.ceil(page.length / 1024));
    return top;
  });
  await writeFile(path, fileOf([leaf(2, tops), ...pages]));
  return path;
}

function reportOf({ stdout, stderr, code }: Result): GoImportReport & { directory: string } {
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  return JSON.parse(stdout);
}

/** Without what differs from run to run. */
function lasting({ finishedAt: _, dryRun: __, ...report }: GoImportReport) {
  return report;
}

test("a Go control plane's file is imported, shown and reported", async () => {
  const [file, directory] = [await writeGoFile(), places.path("db")];
  const { stdout, stderr, code } = await run(["import-bolt", file, directory, "--tenant", "acme"]);
  expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
  expect(stdout).toMatch(/^users +records +3 +2 +1$/m);
  expect(stdout).toMatch(
    /^1 record went to quarantine:\n {2}\S+ {2}users "u000001"\n {6}RECORD_INVALID: .*email/m,
  );
  expect(stdout).toContain(`Imported into ${directory}: `);
  await using db = await DatabaseManager.open(directory, { retention: false });
  const found = (await db.getUsersByTenant("acme")).map(({ id }) => id);
  expect(found.sort()).toEqual(["u000000", "u000002"]);
  expect(await db.store.check()).toMatchObject({ ok: true });
});

test("records that name no tenant go to the system's where none is given", async () => {
  const [file, directory] = [await writeGoFile(), places.path("db")];
  expect(await run(["import-bolt", file, directory])).toMatchObject({ code: 0 });
  await using db = await DatabaseManager.open(directory, { retention: false });
  expect((await db.getUsersByTenant("system")).map(({ id }) => id)).toEqual(["u000002"]);
});

test("run again, it does nothing, and says when it was done", async () => {
  const args = ["import-bolt", await writeGoFile(), places.path("db"), "--json"];
  const first = reportOf(await run(args));
  expect(first).toMatchObject({ directory: places.path("db"), repeated: false, dryRun: false });
  expect(reportOf(await run(args))).toEqual({ ...first, repeated: true });
  const { stdout } = await run(args.slice(0, -1));
  expect(stdout).toContain(`on ${first.finishedAt}: nothing was done now`);
});

describe("a dry run tells what an import does", () => {
  test("where there is no directory, and makes none", async () => {
    const args = ["import-bolt", await writeGoFile(), places.path("db"), "--json"];
    const tried = reportOf(await run([...args, "--dry-run"]));
    expect(tried.dryRun).toBe(true);
    expect(existsSync(places.path("db"))).toBe(false);
    expect(await readdir(temporary)).toEqual([]);
    expect(lasting(tried)).toEqual(lasting(reportOf(await run(args))));
  });

  test("where there is a database, and leaves it as it was", async () => {
    const directory = places.path("db");
    const { commit } = await (async () => {
      await using db = await DatabaseManager.open(directory, { retention: false });
      await db.saveTenant({ id: "acme", name: "Kept", domain: "kept.example" });
      return db.store.stats();
    })();
    const args = ["import-bolt", await writeGoFile(), directory, "--json"];
    const tried = reportOf(await run([...args, "--dry-run"]));
    expect(tried.buckets).toContainEqual(
      expect.objectContaining({ bucket: "tenants", imported: 0, present: 1 }),
    );
    expect(await readdir(temporary)).toEqual([]);
    await (async () => {
      await using store = await openStore(directory, { readOnly: true });
      expect(store.stats().commit).toBe(commit);
    })();
    expect(lasting(tried)).toEqual(lasting(reportOf(await run(args))));
  });

  test("where there is a store that is to be migrated first, and leaves it as it was", async () => {
    const directory = places.path("db");
    await (async () => {
      await using store = await openStore(directory);
      await store.update(async (tx) => void (await tx.createBucket("mine")));
    })();
    const args = ["import-bolt", await writeGoFile(), directory, "--json"];
    const tried = reportOf(await run([...args, "--dry-run"]));
    expect(await readdir(temporary)).toEqual([]);
    await (async () => {
      await using store = await openStore(directory, { readOnly: true });
      expect(await store.view((tx) => tx.buckets())).toEqual(["mine"]);
      expect(store.stats().commit).toBe(1);
    })();
    expect(lasting(tried)).toEqual(lasting(reportOf(await run(args))));
  });
});

describe("it fails with 1, the code and the reason", () => {
  test.each([["--json"], ["--dry-run"]])(
    "for a file that is not there, and makes no directory: %s",
    async (flag) => {
      const result = await run(["import-bolt", places.path("none"), places.path("db"), flag]);
      expect(result).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^error BOLT_INVALID: .*none: /),
      });
      expect(existsSync(places.path("db"))).toBe(false);
      expect(await readdir(temporary)).toEqual([]);
    },
  );

  test("where another holds the directory", async () => {
    await places.open(places.path("db"));
    const file = await writeGoFile();
    for (const flags of [[], ["--dry-run"]]) {
      const result = await run(["import-bolt", file, places.path("db"), ...flags]);
      expect(result).toMatchObject({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(/^error STORE_LOCKED: /),
      });
    }
  });
});

test("a signal stops it in good order, and the next run goes on to the same end", async () => {
  const [file, directory] = [await writeGoFile(20_000), places.path("db")];
  const host = new TestHost({ isTTY: true, columns: 80 }, { NO_COLOR: "1" });
  const { write } = host.stderr;
  let stopped = false;
  host.stderr.write = (text: string) => {
    // Once rows are being written, not before.
    if (!stopped && /[1-9][\d,]* of /.test(text)) {
      stopped = true;
      host.send("SIGINT");
    }
    return write(text);
  };
  const result = await run(["import-bolt", file, directory], host);
  expect(result).toMatchObject({ code: 130, stdout: "" });
  expect(result.stderr).toMatch(/Stopped by SIGINT\. The import is not done\. Run it again: it goes on\.\n$/);
  const report = reportOf(await run(["import-bolt", file, directory, "--json"]));
  const users = report.buckets.find(({ bucket }) => bucket === "users");
  expect(users).toMatchObject({ rows: 20_000, quarantined: 1 });
  expect((users?.imported ?? 0) + (users?.present ?? 0)).toBe(19_999);
  await using store = await openStore(directory);
  expect(await store.check()).toMatchObject({ ok: true });
});

test("a real file of a Go control plane comes over whole, as a process", async (context) => {
  const file = findRealFile(context);
  const directory = places.path("db");
  const report = reportOf(await runProcess(["import-bolt", file, directory, "--json"]));
  const counts = (name: string) => {
    const found = report.buckets.find(({ bucket }) => bucket === name);
    return [found?.rows, (found?.imported ?? 0) + (found?.present ?? 0), found?.quarantined];
  };
  expect(counts("tenants")).toEqual([1, 1, 0]);
  expect(counts("tenant_quotas")).toEqual([1, 1, 0]);
  expect(counts("alert_rules")).toEqual([3, 3, 0]);
  expect(counts("nodes")).toEqual([3, 1, 2]);
  expect(report.quarantinedCount).toBe(2);
  const info = JSON.parse((await runProcess(["info", directory, "--json"])).stdout);
  expect(info).toMatchObject({ directory, schemaVersion: 2 });
  const nodes = info.buckets.find(({ path }: { path: string[] }) => path[0] === "nodes");
  expect(nodes).toMatchObject({ kind: "records", rows: 1 });
});

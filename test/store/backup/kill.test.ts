import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { verifyBackup } from "@meshgate/database";
import { expect, test } from "vitest";
import { killProcess, startProcess } from "../../helpers/openers.ts";
import { soon, usePlaces } from "../../helpers/places.ts";

const KILLS = Number(process.env["MESHGATE_BACKUP_KILLS"] ?? 4);
const PROGRAM = fileURLToPath(new URL("kill-backups.ts", import.meta.url));
const places = usePlaces();

test("a kill amid a backup leaves nothing under its name, and those before are whole", {
  timeout: 20_000 + KILLS * 10_000,
}, async () => {
  let partials = 0;
  let whole = 0;
  // Until one kill at least came amid a backup.
  for (let kill = 0; kill < KILLS || (partials === 0 && kill < KILLS * 4); kill++) {
    const child = startProcess(PROGRAM, [places.path("store"), places.path("copy")]);
    places.later(() => killProcess(child));
    await soon(() => once(child, "message"), 20_000, "the start of the program");
    // Every other one is killed amid its second backup, or a later one.
    if (kill % 2 === 1) await soon(() => once(child, "message"), 20_000, "the first backup");
    await sleep(Math.random() * 200);
    await killProcess(child);
    for (const name of await readdir(places.path())) {
      if (name === "store") continue;
      if (name.includes(".partial-")) partials++;
      else {
        await verifyBackup(places.path(name));
        whole++;
      }
      await rm(places.path(name), { recursive: true });
    }
  }
  expect(partials).toBeGreaterThan(0);
  expect(whole).toBeGreaterThan(0);
});

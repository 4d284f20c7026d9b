import { expect, test } from "vitest";
import { usePlaces } from "../../helpers/places.ts";
import { leaksIn, runLeaks } from "./run.ts";

const TRANSACTIONS = Number(process.env["MESHGATE_TORTURE_TRANSACTIONS"] ?? 9000);
/** By then all code is compiled, and the engine's buffers are there. */
const EARLY = Math.floor(TRANSACTIONS / 3);
const MOST = 1.1;

const places = usePlaces();

test("very many transactions leave no memory, handles or listeners behind", {
  timeout: 120_000 + TRANSACTIONS * 5,
}, async () => {
  const report = await runLeaks({ directory: places.path("store"), looks: [EARLY, TRANSACTIONS] });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  expect(leaksIn(report)).toEqual([]);
  expect(report.ratios.heap).toBeLessThanOrEqual(MOST);
});

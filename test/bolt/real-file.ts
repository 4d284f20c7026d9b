import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

const NAME = "meshgate-2025-07.bolt.db";
/** It is not part of the repository, since it is somebody's: it lies beside the checkout where it is to be had. */
const PLACES = [`fixtures/${NAME}`, `../../../shared/fixtures/${NAME}`];

/** A file that a Go control plane wrote; skips the test, and says so, where it is absent. */
export function findRealFile(context: TestContext): string {
  const paths = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  const path = paths.find((candidate) => existsSync(candidate));
  if (path !== undefined) return path;
  console.warn(`Skipped: ${NAME} is not here.`);
  return context.skip(`${NAME} is not here`);
}

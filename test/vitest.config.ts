import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig, type ViteUserConfig } from "vitest/config";

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const config: ViteUserConfig = defineConfig({
  resolve: { alias: { "@meshgate/database": at("../src/index.ts") } },
  test: {
    root: at(".."),
    include: ["test/**/*.test.ts"],
    typecheck: { enabled: true, include: ["test/**/*.test-d.ts"], tsconfig: at("../tsconfig.json") },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A file is a process: stores under test hold real locks and are killed for real.
    pool: "forks",
    // Many wait for the disk, or for processes to end: with one at a time, which is the default on two cores, they
    // would take twice as long.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text", "json-summary"],
      reportsDirectory: at("../coverage"),
      thresholds: { lines: 95 },
    },
  },
});

// biome-ignore lint/style/noDefaultExport: the test runner reads its configuration from the default export
export default config;

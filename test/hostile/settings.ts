/** Repeats a run; without it each run has its own, which is printed. */
export const SEED: number = Number(process.env["MESHGATE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** How often each method of each object is called. */
export const RUNS: number = Number(process.env["MESHGATE_FUZZ_RUNS"] ?? 15);

const { MESHGATE_SEED: seed = "20261123" } = process.env;
/** Which values are passed: the same in each run, unless another number is given, or "random". It is printed. */
export const SEED: number = seed === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(seed);
/** How often each method of each object is called. */
export const RUNS: number = Number(process.env["MESHGATE_FUZZ_RUNS"] ?? 15);

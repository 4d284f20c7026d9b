/** Compares what a process holds after few transactions with what it holds after very many. */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { killProcess, startProcess } from "../../helpers/openers.ts";
import type { Holdings, LeakMessage, LeakOrders } from "./leak-process.ts";

const PROGRAM = fileURLToPath(new URL("leak-process.ts", import.meta.url));

export interface LeakOptions extends LeakOrders {
  readonly onProgress?: (done: number) => void;
}

export interface LeakReport {
  readonly transactions: number;
  /** What was held after how many. */
  readonly looks: readonly (readonly [after: number, holdings: Holdings])[];
  /** The last look against the first. */
  readonly ratios: { readonly heap: number; readonly resident: number; readonly anonymous: number };
}

/** @throws Error where the process ends before it has told */
export async function runLeaks({ onProgress, ...orders }: LeakOptions): Promise<LeakReport> {
  const child = startProcess(PROGRAM, [JSON.stringify(orders)]);
  const told = new Map<number, Holdings>();
  child.on("message", (message: LeakMessage) => {
    if ("done" in message) onProgress?.(message.done);
    else told.set(message.after, message.holdings);
  });
  try {
    const [code] = await once(child, "exit");
    const looks = Array.from(told);
    const { early, late } = endsOf(looks);
    if (code !== 0 || looks.length !== orders.looks.length || early === undefined || late === undefined)
      throw new Error(`The process ended with ${code}: see what it printed.`);
    const ratio = (what: "heap" | "resident" | "anonymous") => late[what] / early[what];
    const ratios = { heap: ratio("heap"), resident: ratio("resident"), anonymous: ratio("anonymous") };
    return { transactions: Math.max(...orders.looks), looks, ratios };
  } finally {
    await killProcess(child);
  }
}

/** What only grows where something is never let go, as text; empty where nothing does. */
export function leaksIn({ looks }: LeakReport): string[] {
  const { early, late } = endsOf(looks);
  if (early === undefined || late === undefined) return ["nobody has looked"];
  const counts = ["resources", "listeners", "signalListeners", "openCalls", "snapshots"] as const;
  return counts
    .filter((name) => late[name] > early[name])
    .map((name) => `${name}: ${early[name]}, then ${late[name]}`);
}

function endsOf(looks: LeakReport["looks"]): { early: Holdings | undefined; late: Holdings | undefined } {
  return { early: looks[0]?.[1], late: looks.at(-1)?.[1] };
}

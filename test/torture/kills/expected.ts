/** What a store must hold of a slot, as lines of text: those of two states can be compared, and read. */
import { CALLS, callOf, kindOf, nodeIdOf, PARTS, userIdOf, WINDOW } from "./world.ts";

/** What there is of a slot, in order. */
export type Lines = readonly string[];

/** What a slot leaves whose last commit has a number. */
export function expectedOf(slot: number, last: number): Lines {
  const lines: string[] = [];
  const audit: string[] = [];
  const add = kindOf(slot) === "calls" ? addCall : addCommit;
  for (let n = 1; n <= last; n++) add(slot, n, last, lines, audit);
  if (kindOf(slot) !== "calls" && last > 0) lines.push(`counter ${last}`);
  return [...lines, ...audit.map((said, i) => `audit ${i + 1} ${said}`)].sort();
}

function addCommit(slot: number, n: number, last: number, lines: string[], audit: string[]): void {
  const stays = n > last - WINDOW;
  if (stays) lines.push(`item ${n}`, ...PARTS.map((part) => `part ${n} ${part}`), `row ${n}`, `nest ${n}`);
  if (kindOf(slot) === "plain") return;
  if (stays) lines.push(`user ${n}`, `node ${n}`);
  lines.push(`key ${n} ${stays ? "active" : "revoked"}`, `metric ${n}`);
  audit.push(`user.create users/${userIdOf(slot, n)}`, `node.create nodes/${nodeIdOf(slot, n)}`);
  audit.push("apiKey.create api_keys");
  if (n > WINDOW) audit.push(...gone(slot, n - WINDOW));
  audit.push(`torture.done commits/${n}`);
}

function gone(slot: number, n: number): string[] {
  return [`user.delete users/${userIdOf(slot, n)}`, `node.delete nodes/${nodeIdOf(slot, n)}`];
}

function addCall(slot: number, n: number, last: number, lines: string[], audit: string[]): void {
  const { call, round } = callOf(n);
  /** Whether the call that deletes what this one made came, too. */
  const wasDeleted = n + WINDOW * CALLS.length + 3 <= last;
  if (call === "metric") lines.push(`metric ${round}`);
  else if (call === "user" || call === "node") {
    if (!wasDeleted) lines.push(`${call} ${round}`);
    audit.push(`${call}.create ${call}s/${(call === "user" ? userIdOf : nodeIdOf)(slot, round)}`);
  } else if (round > WINDOW) {
    const [user, node] = gone(slot, round - WINDOW) as [string, string];
    audit.push(call === "user gone" ? user : node);
  }
}

/** Numbers that the last commit of a slot may have, by what there is of it. */
export function candidatesOf(slot: number, found: Lines): number[] {
  const most = (kind: string) =>
    Math.max(
      0,
      ...found.filter((line) => line.startsWith(`${kind} `)).map((line) => Number(line.split(" ")[1])),
    );
  if (kindOf(slot) !== "calls") return [most("counter")];
  const round = Math.max(most("user"), most("node"), most("metric"));
  if (round === 0) return [0];
  return CALLS.map((_, i) => (round - 1) * CALLS.length + i + 1);
}

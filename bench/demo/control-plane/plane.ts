import type { Database } from "@meshgate/database";
import { type Fact, print } from "../terminal.ts";
import type { Checks } from "./checks.ts";
import type { Clock } from "./clock.ts";
import type { Gauge } from "./gauge.ts";

/** The operations of a tenant. */
export type Tenant = ReturnType<Database["tenant"]>;

/** A tenant of the demo, with its users and nodes. */
export interface Site {
  readonly id: string;
  readonly users: readonly string[];
  readonly nodes: readonly string[];
  /** The first two octets of its addresses. */
  readonly network: string;
}

/** What the steps of the demo work on, and share. */
export interface Plane {
  readonly db: Database;
  /** The directory of the database. */
  readonly directory: string;
  /** A directory that is thrown away at the end. */
  readonly scratch: string;
  readonly clock: Clock;
  readonly gauge: Gauge;
  readonly checks: Checks;
  /** The tenants, with their users and nodes. */
  readonly sites: readonly [Site, Site];
  readonly signal: AbortSignal;
  /** What the summary is to say. */
  readonly facts: Fact[];
}

/** Who runs the control plane: what it does is told to the audit trails. */
export const OPERATOR = { userId: "operator", ipAddress: "192.0.2.10", userAgent: "meshgate-demo" } as const;

/** Prints a line about the step that is under way. */
export function say(line: string): void {
  print(`   ${line}`);
}

import type { ControlPlaneOperation, ReadBy } from "../lib/control-plane-model.ts";
import type { ControlPlaneSide, CopySide, CopyWorkload, TrialWorkload } from "../lib/model.ts";

const ROWS = 1000;
const VERIFICATIONS = 100;
const TRAIL = 10_000;

/*
 * What a control plane's operation is compared with is a bucket of the same store, with the same JSON texts under the
 * same keys: who keeps users in a bucket reads it this way. So the pair share the store, its snapshots and its cache,
 * and what differs is what the operation adds: dates, and a read of the tenant's state where there is one.
 */
const PAIR =
  "each pair turn by turn in one process on one store, each read in a view of its own; the bucket has the same rows";

const SAVE_USER = "ours: saveUser()";
const SAVE_MANY = "ours: users.saveMany()";
const BY_HAND = "ours: four puts by hand";
const APPEND = "audit.appendMany()";
const TRAIL_VERIFY = "audit.verify()";
const KNOWN = "verifyApiKey()";
const PERMITTED = "with a permission";
const UNKNOWN = "of an unknown secret";
const ROLL_UP_PAUSE = "pause by a batch of roll-ups";
const PAUSE = "pause by a batch of deletes";
const MEANWHILE = "each update beside deletes";
const AFTERWARDS = "each update afterwards";

/** What the control plane's operations cost beside buckets, and how many of them there are in a second. */
export const controlPlane: readonly (TrialWorkload | CopyWorkload)[] = [
  readWorkload(
    "users-by-tenant",
    "getUsersByTenant() of 1000 users out of 100,000 (with --quick 20,000) in tenants of 1000",
    "users",
    (by) => ({ kind: "users", by }),
  ),
  readWorkload(
    "metrics-window",
    "getMetricsSnapshots() of a window of 1000 out of a million (with --quick 100,000)",
    "snapshots",
    (by) => ({ kind: "window", by, rows: ROWS }),
  ),
  {
    ...common("metrics-size"),
    title: "the same window out of a large store and out of one of 10,000",
    method: "both in turns in one process: trips to a database's threads differ by process",
    groups: [
      [
        side("ours: large store", "snapshots", { kind: "window", by: "operation", rows: ROWS }),
        side("ours: small store", "snapshotsSmall", { kind: "window", by: "operation", rows: ROWS }),
      ],
    ],
    claims: [{ label: "ours: large store", versus: "ours: small store", atMost: 1.4 }],
  },
  {
    ...common("api-key-verify"),
    title: "verifying the secret of a random one of 1000 API keys in 100 tenants",
    method: "one awaited after another, on one core; all in turns in one process on one store",
    groups: [
      [
        side(KNOWN, "apiKeys", verifications("known")),
        side(PERMITTED, "apiKeys", { ...verifications("known"), permission: "metrics:write" }),
        side(UNKNOWN, "apiKeys", verifications("unknown")),
      ],
    ],
    claims: [
      { label: KNOWN, perSecond: "verifications", atLeast: 40_000 },
      { label: PERMITTED, perSecond: "verifications", atLeast: 40_000 },
      { label: UNKNOWN, perSecond: "verifications" },
    ],
  },
  {
    kind: "copies",
    name: "retention",
    title: "rolling up a million minutes (with --quick 100,000), and deleting all but those of two hours",
    method:
      "rates alone, pauses beside a writer of one-row durable updates: its longest one for each batch; what is left is checked",
    unit: "ms",
    rounds: 1,
    sides: [
      retained("rolling up", "rollUpRate"),
      retained("deleting", "rate"),
      retained(ROLL_UP_PAUSE, "rollUpPause"),
      retained(PAUSE, "pause"),
      retained(MEANWHILE, "meanwhile"),
      retained(AFTERWARDS, "update"),
    ],
    claims: [
      { label: ROLL_UP_PAUSE, limit: 50 },
      { label: PAUSE, limit: 50 },
      { label: MEANWHILE, versus: AFTERWARDS },
    ],
  },
  {
    ...common("audit-append"),
    title: "a durable commit of 1000 entries of an audit trail, per entry",
    method: "the trails of 100 tenants in turn; each is verified afterwards",
    placement: "apart",
    groups: [[side(APPEND, "empty", { kind: "appends", rows: ROWS })]],
    claims: [{ label: APPEND, perSecond: "entries" }],
  },
  {
    ...common("audit-verify"),
    title: "verifying an audit trail of 10,000 entries, per entry",
    method: "whole trails of random tenants",
    groups: [[side(TRAIL_VERIFY, "trail", { kind: "trail", rows: TRAIL })]],
    claims: [{ label: TRAIL_VERIFY, perSecond: "entries" }],
  },
  {
    ...common("user-save"),
    title: "a durable commit of 1000 new users with three index entries each, per user",
    method: "each side in a process of its own, in turns; by hand, nothing is checked, counted or looked for",
    placement: "apart",
    groups: [[saver(SAVE_USER, "saveUser"), saver(SAVE_MANY, "saveMany"), saver(BY_HAND, "hand")]],
    claims: [
      { label: SAVE_USER, perSecond: "users" },
      { label: SAVE_USER, versus: BY_HAND },
      { label: SAVE_MANY, versus: BY_HAND },
    ],
  },
];

function readWorkload(
  name: string,
  title: string,
  store: ControlPlaneSide["store"],
  operation: (by: ReadBy) => ControlPlaneOperation,
): TrialWorkload {
  const pair = (ours: string, other: string, by: ReadBy) => [
    side(ours, store, operation("operation")),
    side(other, store, operation(by)),
  ];
  return {
    ...common(name),
    title,
    method: PAIR,
    groups: [
      pair("ours: the operation", "ours: bucket.range()", "range"),
      pair("ours: beside values", "ours: bucket.values()", "values"),
      pair("ours: beside raw", "raw: iterator, values only", "raw"),
    ],
    claims: [
      { label: "ours: the operation", versus: "ours: bucket.range()", atMost: 1.15 },
      { label: "ours: beside values", versus: "ours: bucket.values()" },
      { label: "ours: beside raw", versus: "raw: iterator, values only" },
    ],
  };
}

function common(name: string) {
  return { kind: "trials", name, unit: "us", sample: "round", placement: "together" } as const;
}

function side(
  label: string,
  store: ControlPlaneSide["store"],
  operation: ControlPlaneOperation,
): ControlPlaneSide {
  return { about: "control-plane", label, operation, store };
}

function verifications(secret: "known" | "unknown") {
  return { kind: "verifications", count: VERIFICATIONS, secret } as const;
}

function saver(label: string, by: "saveUser" | "saveMany" | "hand"): ControlPlaneSide {
  return side(label, "empty", { kind: "save-users", by, rows: ROWS });
}

function retained(label: string, figure: CopySide["figure"]): CopySide {
  const isRate = figure === "rate" || figure === "rollUpRate";
  const run = { program: "retain", writer: !isRate } as const;
  return { label, store: "snapshots", run, figure, unit: isRate ? "rows/s" : "ms" };
}

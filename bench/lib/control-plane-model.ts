// What workloads on a control plane's database are made of.

/**
 * Stores of a control plane: users of many tenants, metrics snapshots and a small number of them, API keys, and audit
 * trails. Those of users and snapshots have the same rows once more in a plain bucket.
 */
export type ControlPlaneName = "users" | "snapshots" | "snapshotsSmall" | "apiKeys" | "trail";

/** Who reads rows: the control plane's operation; a range of a plain bucket, or of its values alone; classic-level. */
export type ReadBy = "operation" | "range" | "values" | "raw";

/** Who saves users: one operation for each or for all, in one commit, or puts into buckets of a bare store. */
export type SavedBy = "saveUser" | "saveMany" | "hand";

/** One thing to do again and again. */
export type ControlPlaneOperation =
  /** All users of a random tenant, in a transaction of its own. */
  | { readonly kind: "users"; readonly by: ReadBy }
  /** The snapshots of a random window of time that has this many, in a transaction of its own. */
  | { readonly kind: "window"; readonly by: ReadBy; readonly rows: number }
  /** Verifications of the secrets of random API keys, or of none, one after another; the time is that of one. */
  | {
      readonly kind: "verifications";
      readonly count: number;
      readonly secret: "known" | "unknown";
      readonly permission?: string;
    }
  /** One commit that adds that many users to a tenant; the time is that of one user. */
  | { readonly kind: "save-users"; readonly by: SavedBy; readonly rows: number }
  /** One commit that adds that many entries to a tenant's audit trail; the time is that of one entry. */
  | { readonly kind: "appends"; readonly rows: number }
  /** Verifies a tenant's whole audit trail, which has that many entries; the time is that of one entry. */
  | { readonly kind: "trail"; readonly rows: number };

import type { z } from "zod";
import type { Scope } from "../common/scope.ts";
import { SharedRecords } from "../common/shared-records.ts";
import type { Saved } from "../common/tenant-records.ts";
import { type AlertRule, type alertRule, alertRules } from "./alert-record.ts";

/** What an alert rule is made from. */
export type AlertRuleInput = Saved<z.input<typeof alertRule>, "createdAt" | "updatedAt">;

/** Alert rules: the global ones, or a tenant's. The database keeps them; it evaluates none. */
export class AlertRules extends SharedRecords<AlertRule, AlertRuleInput> {
  /** @internal */
  constructor(scope: Scope) {
    super(scope, {
      collection: alertRules,
      noun: "alertRule",
      createdAt: "createdAt",
      updatedAt: "updatedAt",
    });
  }
}

/** Alert rules and notification channels. Those of all tenants have the tenant "", which no tenant can be. */
import { z } from "zod";
import { collection, type RecordOf } from "../../collections/collection.ts";
import { anyObject, duration, id, name, text } from "../common/fields.ts";
import { GLOBAL } from "../tenants/tenant-record.ts";

const owner = z.literal(GLOBAL).or(id);

export const alertRule = z.strictObject({
  tenantId: owner,
  id,
  name,
  description: text.default(""),
  /** In the language of whoever evaluates it: the database keeps it. */
  expression: text.min(1),
  severity: z.enum(["info", "warning", "critical"]).default("warning"),
  /** How long the expression must hold. */
  duration,
  enabled: z.boolean().default(true),
  createdAt: z.date(),
  updatedAt: z.date(),
});

/** The collection `alert_rules`. */
export const alertRules = collection({
  name: "alert_rules",
  schema: alertRule,
  key: ["tenantId", "id"],
  indexes: { id: { on: "id" } },
});

export type AlertRule = RecordOf<typeof alertRules>;

export const notificationChannel = z.strictObject({
  tenantId: owner,
  id,
  name,
  type: z.enum(["email", "slack", "webhook"]),
  config: anyObject.default({}),
  enabled: z.boolean().default(true),
});

/** The collection `notification_channels`. */
export const notificationChannels = collection({
  name: "notification_channels",
  schema: notificationChannel,
  key: ["tenantId", "id"],
  indexes: { id: { on: "id" } },
});

export type NotificationChannel = RecordOf<typeof notificationChannels>;

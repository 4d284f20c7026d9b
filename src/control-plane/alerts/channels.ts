import type { z } from "zod";
import type { Scope } from "../common/scope.ts";
import { SharedRecords } from "../common/shared-records.ts";
import type { Saved } from "../common/tenant-records.ts";
import { type NotificationChannel, type notificationChannel, notificationChannels } from "./alert-record.ts";

/** What a notification channel is made from. */
export type NotificationChannelInput = Saved<z.input<typeof notificationChannel>>;

/**
 * Notification channels: the global ones, or a tenant's. The database keeps their `config` as it is, secrets too, and
 * tells the audit trail only that it changed. Every tenant can read the global ones.
 */
export class NotificationChannels extends SharedRecords<NotificationChannel, NotificationChannelInput> {
  /** @internal */
  constructor(scope: Scope) {
    super(scope, { collection: notificationChannels, noun: "channel" });
  }
}

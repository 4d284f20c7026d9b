/** What grows with time: the audit trail, metrics, quotas. */
import { MINUTE } from "../databases.ts";
import type { Hostile } from "./hostile.ts";
import { SIGNER } from "./loot.ts";
import { figureOf } from "./marks.ts";
import { type Family, none, read, write } from "./method.ts";

const entry = (h: Hostile) =>
  h.input(
    h.once(6)
      ? h.stolen("audit")
      : {
          userId: "1",
          action: "login",
          resource: "auth",
          details: h.object({ of: h.mark }),
          success: h.once(2),
        },
  );
const checkpoint = (h: Hostile) => h.object(h.pick((h.once(2) ? h.me : h.other()).checkpoints));
const AUDIT_FILTERS = (h: Hostile) => ({
  ...{ from: h.time(), to: h.time(), userId: h.id(), success: h.once(2), oldestFirst: h.once(2) },
  ...{ action: h.pick(["login", "user.update"]), resource: h.pick(["auth", h.other().tenantId]) },
});

export const audit: Family = {
  append: write((h) => [entry(h)]),
  appendMany: write((h) => [h.many(() => entry(h)), h.work()]),
  get: read((h) => [h.auditId()]),
  list: read((h) => [h.page(AUDIT_FILTERS(h))]),
  count: read(none),
  head: read(none),
  verify: read((h) => [h.object({ checkpoints: [checkpoint(h)], publicKey: SIGNER.publicKey })], 20),
  checkpoint: read((h) => [h.once(10) ? h.strange() : SIGNER.privateKey], 4),
  verifyCheckpoint: read((h) => [checkpoint(h), SIGNER.publicKey], 4),
};

const snapshot = (h: Hostile) =>
  h.input(
    h.once(6)
      ? h.stolen("metrics")
      : {
          ...{ id: h.id(), timestamp: h.time(), granularity: h.granularity(), labels: h.labels() },
          metrics: { cpu: figureOf(h.me.owner, h.random.below(9)) },
        },
  );
const place = (h: Hostile) => [h.granularity(), h.time(), h.id()];
const metric = (h: Hostile) => h.pick(["cpu", "cpu", `own ${h.mark}`, h.id()]);

export const metrics: Family = {
  save: write((h) => [snapshot(h)]),
  saveMany: write((h) => [h.many(() => snapshot(h)), h.work()]),
  get: read(place),
  delete: write(place),
  range: read((h) => [h.granularity(), h.time(), h.time()]),
  list: read((h) => [
    h.object({
      ...{ granularity: h.granularity(), from: h.pick([undefined, h.time()]), labels: h.labels() },
      ...{ size: 2, after: h.pick([undefined, h.pageToken()]), newestFirst: h.once(2) },
    }),
  ]),
  series: read((h) => [
    metric(h),
    h.object({
      ...{ granularity: h.granularity(), from: h.time(), to: h.time(), labels: h.labels() },
      ...{ step: 10 * MINUTE, merge: h.once(4), aggregate: h.pick(["avg", "min", "last", "sum", "rate"]) },
    }),
  ]),
  latest: read((h) => [h.pick([undefined, metric(h)]), h.labels()]),
  metricNames: read(none),
  listSeries: read((h) => [h.pick([undefined, metric(h)])]),
  rollUp: write((h) => [h.work()], 10),
};

const figures = (h: Hostile) =>
  h.input(
    h.once(6)
      ? h.stolen("nodeMetrics")
      : { nodeId: h.id(), timestamp: h.time(), cpuPercent: figureOf(h.me.owner, h.random.below(9)) },
  );

export const nodeMetrics: Family = {
  save: write((h) => [figures(h)]),
  saveMany: write((h) => [h.many(() => figures(h)), h.work()]),
  range: read((h) => [h.id(), h.time(), h.time()]),
  latest: read((h) => [h.id()]),
};

export const quota: Family = {
  get: read(none),
  addUsage: write((h) => [h.object({ bandwidth: h.random.below(2) }), h.object({ enforce: h.once(2) })], 4),
  verify: read(none, 2),
  recount: write(none, 2),
  bill: read(none),
  bills: read((h) => [h.page()]),
  closeMonth: write(none),
};

import type { Page } from "../../collections/pages.ts";
import { recordInvalid } from "../../collections/schema.ts";
import { DatabaseError } from "../../errors.ts";
import { show } from "../../store/options.ts";
import type { Transaction } from "../../store/transaction.ts";
import { checkList, type ListOptions, pageOf } from "../common/pages.ts";
import { defined } from "../common/record-rules.ts";
import { type Actor, logChange, type Runner } from "../common/scope.ts";
import type { Settings } from "../common/settings.ts";
import { SYSTEM_TENANT } from "../tenants/tenant-record.ts";
import type { Draft } from "./go-json.ts";
import { draftOf, type GoKind } from "./go-kind.ts";
import { draftOfRow, GO_KINDS } from "./go-kinds.ts";
import { type HeldRow, type HeldStatus, quarantined } from "./held-record.ts";
import { Landing } from "./landing.ts";

/** A row that an import could not take over. */
export interface QuarantineEntry extends HeldRow {
  /** The record in the names of the database, as far as it could be read: what a release begins with. */
  readonly draft?: Readonly<Draft> | undefined;
}

/** Which entries {@link Quarantine.list} gives. */
export interface QuarantineListOptions extends ListOptions {
  /** "held" by default. */
  readonly status?: HeldStatus | undefined;
  /** The bucket of the file that they come from. */
  readonly bucket?: string | undefined;
}

/**
 * What imports of Go files could not take over. Each row is as it stood in the file, with the reason, until it is
 * released, mended or as it is, or discarded.
 */
export class Quarantine {
  readonly #runner: Runner;
  readonly #settings: Settings;
  readonly #actor: Actor | undefined;

  /** @internal */
  constructor(runner: Runner, settings: Settings, actor: Actor | undefined) {
    this.#runner = runner;
    this.#settings = settings;
    this.#actor = actor;
  }

  /** The entries in the order of their buckets and keys, page by page. @throws DatabaseError `OPTION_INVALID`, `TOKEN_INVALID` */
  list(options: QuarantineListOptions = {}): Promise<Page<QuarantineEntry>> {
    checkList(options, ["status", "bucket"], "quarantine.list()");
    const { status = "held", bucket, ...page } = options;
    const prefix = bucket === undefined ? [status] : [status, bucket];
    return this.#runner.view(async (tx) => {
      const { records, next } = await pageOf(
        quarantined.in(tx).by("status"),
        { prefix: prefix as [HeldStatus] },
        page,
      );
      return { records: records.map((held) => this.#entryOf(held)), next };
    });
  }

  /** @returns undefined where there is no entry with this id */
  get(id: string): Promise<QuarantineEntry | undefined> {
    return this.#runner.view(async (tx) => {
      const held = await quarantined.in(tx).get(id);
      return held === undefined ? undefined : this.#entryOf(held);
    });
  }

  /** How many entries there are. Cost: it walks their keys. @param status "held" by default */
  count(status: HeldStatus = "held"): Promise<number> {
    return this.#runner.view((tx) =>
      quarantined
        .in(tx)
        .by("status")
        .count({ prefix: [status] }),
    );
  }

  /**
   * Takes a record over after all. It is written as an import would have written it, and counted; limits are not asked,
   * and a tenant that it names is made where there is none.
   *
   * @param fields take the place of those of the draft; undefined takes one away
   * @throws DatabaseError what is still wrong with it, and then it stays held: `RECORD_INVALID` with `details.issues`,
   * `UNIQUE_VIOLATION`, `REFERENCE_INVALID`; `RECORD_EXISTS` where its id is taken; `RECORD_NOT_FOUND` where there is no
   * such entry, or it was released or discarded; `INCOMPATIBLE_VALUE` for a row of no model, which can only be discarded
   */
  async release(id: string, fields: object = {}): Promise<void> {
    if (typeof fields !== "object" || fields === null)
      throw new DatabaseError("OPTION_INVALID", `release() takes an object of fields, got ${show(fields)}.`);
    const { now } = this.#settings;
    return this.#settle(id, "released", async (tx, held) => {
      const kind = kindOf(held);
      if (kind === undefined) throw notARecord(held);
      checkFields(kind, fields);
      const { draft, issues } = this.#draftOf(kind, held);
      const open = issues.filter(({ path }) => !Object.hasOwn(fields, String(path[0])));
      const record = defined({ ...draft, ...fields }) as Draft;
      if (open.length > 0) throw recordInvalid(kind.bucket, record["id"], open);
      this.#settings.importedKeys.expect();
      const landing = new Landing(tx, now());
      const outcome = await kind.write(landing, record);
      if (outcome !== "imported") throw taken(held);
      await landing.finish();
    });
  }

  /** Gives up a row. It stays as an entry that is discarded, so that no import holds it again. @throws DatabaseError `RECORD_NOT_FOUND` */
  discard(id: string): Promise<void> {
    return this.#settle(id, "discarded", async () => undefined);
  }

  async #settle(
    id: string,
    status: "released" | "discarded",
    work: (tx: Transaction, held: HeldRow) => Promise<void>,
  ): Promise<void> {
    return this.#runner.update(async (tx) => {
      const now = this.#settings.now();
      const held = await quarantined.in(tx).get(id);
      if (held?.status !== "held") throw notHeld(id, held?.status);
      await work(tx, held);
      await quarantined.in(tx).put({ ...held, status, settledAt: now });
      const action = status === "released" ? "quarantine.release" : "quarantine.discard";
      await logChange(tx, this.#actor, SYSTEM_TENANT, now, () => ({
        action,
        resource: `quarantine/${id}`.slice(0, 512),
      }));
    });
  }

  #entryOf(held: HeldRow): QuarantineEntry {
    const kind = kindOf(held);
    if (kind === undefined) return held;
    const { draft } = this.#draftOf(kind, held);
    return { ...held, draft };
  }

  #draftOf(kind: GoKind, { key, keyEncoding, value, valueEncoding, tenantId }: HeldRow) {
    const row = { key: Buffer.from(key, keyEncoding), value: Buffer.from(value, valueEncoding) };
    const options = { tenantId, now: this.#settings.now() };
    try {
      return draftOfRow(kind, row, options);
    } catch {
      // What cannot be read at all is made anew.
      return draftOf(kind, {}, row.key.toString(), options);
    }
  }
}

function kindOf({ bucket }: HeldRow): GoKind | undefined {
  return GO_KINDS.find((kind) => kind.bucket === bucket);
}

/** A field that the model does not have can be taken away, not set. @throws DatabaseError `RECORD_INVALID` */
function checkFields(kind: GoKind, fields: object): void {
  const issues = Object.entries(fields)
    .filter(([name, value]) => value !== undefined && !kind.fields.names.has(name))
    .map(([name]) => ({ path: [name], message: "No release sets such a field" }));
  if (issues.length > 0) throw recordInvalid(kind.bucket, undefined, issues);
}

function notARecord({ id }: HeldRow): DatabaseError {
  return new DatabaseError(
    "INCOMPATIBLE_VALUE",
    `The row ${JSON.stringify(id)} is of no model. Put it into a bucket of your own, then discard it here.`,
  );
}

function taken({ id }: HeldRow): DatabaseError {
  return new DatabaseError(
    "RECORD_EXISTS",
    `There is a record with the key of ${JSON.stringify(id)} already. Release it with another id, or discard it.`,
    { details: { id } },
  );
}

function notHeld(id: string, status: HeldStatus | undefined): DatabaseError {
  const what = status === undefined ? "not in quarantine" : `${status} already`;
  return new DatabaseError(
    "RECORD_NOT_FOUND",
    `The row ${show(id)} is ${what}. list() tells which are held.`,
    {
      details: { id },
    },
  );
}

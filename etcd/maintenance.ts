/**
 * Keeps an etcd writable: forgets history in time, and gives what is free in its file back. For whoever owns the spec
 * tree (the operator, or the process that started etcd), and only for one at a time; two do no harm but work twice.
 *
 * Every call may be lost: the next look, a second later, sees what became of it.
 */
import type { Outcome } from "#core/outcome.ts";
import { sleep, type Runtime } from "#core/runtime.ts";
import type { Revision } from "#core/store.ts";
import { Tasks } from "#core/tasks.ts";
import { Housekeeping, type DatabaseStatus } from "./maintenance-plan.ts";

export interface MaintenancePort {
  status(): Promise<Outcome<DatabaseStatus>>;
  /** Forgets what is older than `before`; returns before etcd has freed its space. */
  compact(before: Revision): Promise<Outcome<void>>;
  /** The member stands still while it does. */
  defragment(): Promise<Outcome<void>>;
  /** Ends the alarm for space. */
  disarm(): Promise<Outcome<void>>;
}

export interface MaintenanceParts {
  readonly port: MaintenancePort;
  readonly runtime: Runtime;
  /** Told of a failure that nobody foresaw: a bug. Absent: it is logged. */
  readonly onFailure?: (name: string, error: unknown) => void;
}

const lookEveryMs = 1_000;

export class Maintenance implements AsyncDisposable {
  readonly #port: MaintenancePort;
  readonly #runtime: Runtime;
  readonly #housekeeping = new Housekeeping();
  readonly #tasks: Tasks;
  #full = false;

  private constructor({ port, runtime, onFailure }: MaintenanceParts) {
    this.#port = port;
    this.#runtime = runtime;
    const failed = (name: string, error: unknown) => {
      runtime.log.error("etcd: a task failed", { name, error });
    };
    this.#tasks = new Tasks(onFailure ?? failed);
  }

  static start(parts: MaintenanceParts): Maintenance {
    const maintenance = new Maintenance(parts);
    maintenance.#tasks.run("etcd maintenance", (signal) => maintenance.#run(signal));
    return maintenance;
  }

  /** What is under way is waited for: it ends in etcd's time. */
  close(): Promise<void> {
    return this.#tasks.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#look(signal);
      await sleep(this.#runtime, lookEveryMs, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    const told = await this.#port.status();
    if (told.kind !== "done") {
      this.#runtime.log.debug("etcd does not tell how full it is", { reason: told.reason });
      return;
    }
    const status = told.value;
    this.#tellOfSpace(status);
    const { compactTo, defragment, disarm } = this.#housekeeping.plan(status, this.#runtime.now());
    if (compactTo !== undefined && !signal.aborted) await this.#compact(compactTo);
    if (defragment && !signal.aborted) await this.#defragment(status);
    if (disarm && !signal.aborted) await this.#disarm();
  }

  async #compact(to: Revision): Promise<void> {
    const outcome = await this.#port.compact(to);
    // Somebody else compacts, too, and went further.
    const already = outcome.kind === "refused" && outcome.reason.code === "compacted";
    if (outcome.kind === "done" || already) {
      this.#housekeeping.compacted(to, this.#runtime.now());
      this.#runtime.log.debug("etcd was compacted", { to });
    } else this.#failed("compacted", outcome);
  }

  async #defragment({ dbSizeBytes, dbInUseBytes }: DatabaseStatus): Promise<void> {
    const { log } = this.#runtime;
    log.info("etcd's file is mostly free: defragmenting it", { dbSizeBytes, dbInUseBytes });
    const outcome = await this.#port.defragment();
    // Counted even where it failed: it may have run, and must not run at every look.
    this.#housekeeping.defragmented(this.#runtime.now());
    if (outcome.kind !== "done") this.#failed("defragmented", outcome);
  }

  async #disarm(): Promise<void> {
    const outcome = await this.#port.disarm();
    if (outcome.kind === "done")
      this.#runtime.log.info("etcd has space again: its alarm was ended");
    else this.#failed("disarmed", outcome);
  }

  #failed(what: string, outcome: Exclude<Outcome<void>, { kind: "done" }>): void {
    this.#runtime.log.warn(`etcd could not be ${what}`, { reason: outcome.reason });
  }

  #tellOfSpace({ noSpace, dbSizeBytes, quotaBytes }: DatabaseStatus): void {
    if (noSpace && !this.#full) {
      const message = "etcd's quota is used up: it refuses all writes but deletes. Making space";
      this.#runtime.log.error(message, { dbSizeBytes, quotaBytes });
    }
    this.#full = noSpace;
  }
}

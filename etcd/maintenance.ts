/**
 * Keeps an etcd writable: forgets history in time, and gives what is free in its files back. For whoever owns the spec
 * tree (the operator, or the process that started etcd), and only for one at a time; two do no harm but work twice.
 *
 * History is the cluster's: whichever member is asked forgets it for all. A file is each member's own, and a member that
 * rewrites its file stands still: so they do it one after the other, those that follow before the one that leads, and
 * only while all answer. A member that none of the ports leads to keeps its file as it is.
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
  /** The member stands still while it does. `signal` ends the wait alone: what etcd has begun it ends. */
  defragment(signal: AbortSignal): Promise<Outcome<void>>;
  /** Ends the alarm for space. */
  disarm(): Promise<Outcome<void>>;
}

export interface MaintenanceParts {
  /** One for each member. */
  readonly ports: readonly MaintenancePort[];
  readonly runtime: Runtime;
  /** Whether this process may change etcd now: asked before each call that does. Absent: always. */
  readonly mayAct?: () => boolean;
  /** Told of a failure that nobody foresaw: a bug. Absent: it is logged. */
  readonly onFailure?: (name: string, error: unknown) => void;
}

const lookEveryMs = 1_000;

interface Member {
  readonly port: MaintenancePort;
  readonly housekeeping: Housekeeping;
}

interface Told extends Member {
  readonly status: DatabaseStatus;
}

export class Maintenance implements AsyncDisposable {
  readonly #members: readonly Member[];
  readonly #runtime: Runtime;
  readonly #mayAct: () => boolean;
  readonly #tasks: Tasks;
  #full = false;

  private constructor({ ports, runtime, mayAct, onFailure }: MaintenanceParts) {
    this.#members = ports.map((port) => ({ port, housekeeping: new Housekeeping() }));
    this.#runtime = runtime;
    this.#mayAct = mayAct ?? (() => true);
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

  /** Waits for no defragmentation: one that runs goes on in etcd. Other calls end in etcd's time. */
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
    const told = await this.#ask();
    this.#tellOfSpace(told);
    for (const member of told) {
      if (signal.aborted) return;
      // What the others said is of before: whether all answer is asked again.
      if ((await this.#keep(member, told, signal)) === "defragmented") return;
    }
  }

  /** Those that answer, with what they say; the one that leads comes last. */
  async #ask(): Promise<readonly Told[]> {
    const asked = await Promise.all(
      this.#members.map(async (member) => ({ ...member, told: await member.port.status() })),
    );
    const told = asked.flatMap(({ told: outcome, ...member }) => {
      if (outcome.kind === "done") return { ...member, status: outcome.value };
      const { reason } = outcome;
      this.#runtime.log.debug("a member of etcd does not tell how full it is", { reason });
      return [];
    });
    return told.sort((a, b) => Number(a.status.leads) - Number(b.status.leads));
  }

  async #keep(
    member: Told,
    told: readonly Told[],
    signal: AbortSignal,
  ): Promise<"kept" | "defragmented"> {
    const { housekeeping, status } = member;
    const may = () => !signal.aborted && this.#mayAct();
    const plan = housekeeping.plan(status, this.#runtime.now());
    if (plan.compactTo !== undefined && may()) await this.#compact(member, plan.compactTo, told);
    if (plan.defragment && may()) await this.#defragment(member, told, signal);
    if (plan.disarm && may()) await this.#disarm(member);
    return plan.defragment ? "defragmented" : "kept";
  }

  async #compact({ port }: Member, to: Revision, told: readonly Told[]): Promise<void> {
    const outcome = await port.compact(to);
    // Somebody else compacts, too, and went further.
    const already = outcome.kind === "refused" && outcome.reason.code === "compacted";
    if (outcome.kind !== "done" && !already) {
      this.#failed("compacted", outcome);
      return;
    }
    const now = this.#runtime.now();
    for (const { housekeeping } of told) housekeeping.compacted(to, now);
    this.#runtime.log.debug("etcd was compacted", { to });
  }

  async #defragment(
    { port, housekeeping, status }: Told,
    told: readonly Told[],
    signal: AbortSignal,
  ): Promise<void> {
    const { log } = this.#runtime;
    const { dbSizeBytes, dbInUseBytes } = status;
    // Counted also where it failed or is put off: it may have run, and must not run at every look.
    if (told.length < this.#members.length) {
      const answer = `${told.length} of ${this.#members.length}`;
      log.warn("etcd's file is not defragmented while members do not answer", { answer });
    } else {
      log.info("etcd's file is mostly free: defragmenting it", { dbSizeBytes, dbInUseBytes });
      const outcome = await port.defragment(signal);
      if (signal.aborted) return;
      if (outcome.kind !== "done") this.#failed("defragmented", outcome);
    }
    housekeeping.defragmented(this.#runtime.now());
  }

  async #disarm({ port }: Member): Promise<void> {
    const outcome = await port.disarm();
    if (outcome.kind === "done")
      this.#runtime.log.info("etcd has space again: its alarm was ended");
    else this.#failed("disarmed", outcome);
  }

  #failed(what: string, outcome: Exclude<Outcome<void>, { kind: "done" }>): void {
    this.#runtime.log.warn(`etcd could not be ${what}`, { reason: outcome.reason });
  }

  #tellOfSpace(told: readonly Told[]): void {
    const full = told.find(({ status }) => status.noSpace)?.status;
    if (full !== undefined && !this.#full) {
      const { dbSizeBytes, quotaBytes } = full;
      const message = "etcd's quota is used up: it refuses all writes but deletes. Making space";
      this.#runtime.log.error(message, { dbSizeBytes, quotaBytes });
    }
    if (told.length > 0) this.#full = full !== undefined;
  }
}

/** The calls of maintenance on a real etcd, over the client's connection: to the one member at its other end. */
import { done, type Outcome } from "#core/outcome.ts";
import { after } from "#core/runtime.ts";
import { revision, type Revision } from "#core/store.ts";
import type { Caller, Reached } from "./caller.ts";
import type { EtcdClient } from "./client.ts";
import {
  AlarmRequest_AlarmAction,
  AlarmType,
  type ResponseHeader,
} from "./codec/etcdserverpb/rpc.ts";
import { methods } from "./methods.ts";
import type { MaintenancePort } from "./maintenance.ts";
import type { DatabaseStatus } from "./maintenance-plan.ts";

/** Etcd rewrites its whole file, and answers nothing else meanwhile: some seconds a GiB. */
const defragmentMs = 120_000;

export class MaintenanceCalls implements MaintenancePort {
  readonly #caller: Caller;
  readonly #quotaBytes: number | undefined;

  /** `quotaBytes`: what etcd was started with, for servers that do not tell. */
  constructor(client: EtcdClient, quotaBytes?: number) {
    this.#caller = client.caller;
    this.#quotaBytes = quotaBytes;
  }

  async status(): Promise<Outcome<DatabaseStatus>> {
    const reached = await this.#caller.ask(methods.status, {}, this.#caller.forWrites);
    return this.#outcome(reached, (told) => ({
      revision: revision(told.header?.revision ?? 0n),
      dbSizeBytes: Number(told.dbSize),
      dbInUseBytes: Number(told.dbSizeInUse),
      quotaBytes: told.dbSizeQuota > 0n ? Number(told.dbSizeQuota) : this.#quotaBytes,
      noSpace: told.errors.some((error) => error.includes("NOSPACE")),
      leads: told.leader === told.header?.memberId,
    }));
  }

  async compact(before: Revision): Promise<Outcome<void>> {
    const request = { revision: before, physical: false };
    const reached = await this.#caller.ask(methods.compact, request, this.#caller.forWrites);
    return this.#outcome(reached, () => undefined);
  }

  async defragment(signal: AbortSignal): Promise<Outcome<void>> {
    const { runtime, forWrites } = this.#caller;
    const patience = {
      ...forWrites,
      answerUntil: after(runtime.now(), defragmentMs),
      longWork: true,
      signal,
    };
    const reached = await this.#caller.ask(methods.defragment, {}, patience);
    return this.#outcome(reached, () => undefined);
  }

  /** An alarm is ended by the member that raised it, so they are asked for first. */
  async disarm(): Promise<Outcome<void>> {
    const { GET, DEACTIVATE } = AlarmRequest_AlarmAction;
    const alarm = AlarmType.NOSPACE;
    const ask = (action: typeof GET | typeof DEACTIVATE, memberID: bigint) =>
      this.#caller.ask(methods.alarm, { action, memberID, alarm }, this.#caller.forWrites);
    const raised = await ask(GET, 0n);
    if (raised.kind !== "answered") return raised;
    for (const { memberID, alarm: kind } of raised.value.alarms) {
      if (kind !== alarm) continue;
      const ended = await ask(DEACTIVATE, memberID);
      if (ended.kind !== "answered") return ended;
    }
    return this.#outcome(raised, () => undefined);
  }

  #outcome<Response extends { readonly header: ResponseHeader | undefined }, T>(
    reached: Reached<Response>,
    valueOf: (response: Response) => T,
  ): Outcome<T> {
    if (reached.kind !== "answered") return reached;
    const at = this.#caller.revisions.headerOf(reached.value.header);
    return done(valueOf(reached.value), at);
  }
}

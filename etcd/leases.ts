/** Leases: made, kept alive, ended, and asked for their keys. A grant and a revocation are sent once. */
import { type Outcome, done } from "#core/outcome.ts";
import type { Beat, Key, LeaseGrant, LeaseId, Leases, Wait } from "#core/store.ts";
import type { Caller } from "./caller.ts";
import { Heartbeat } from "./heartbeat.ts";
import { methods } from "./methods.ts";
import { patienceOf, untilWaitEnds } from "./read.ts";

export class EtcdLeases implements Leases {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  async grant(ttlMs: number, wait: Wait): Promise<Outcome<LeaseGrant>> {
    const request = { TTL: BigInt(Math.ceil(ttlMs / 1_000)), ID: 0n };
    const reached = await this.#caller.ask(methods.leaseGrant, request, patienceOf(wait));
    if (reached.kind !== "answered") return reached;
    const { value, sentAt } = reached;
    const at = this.#caller.revisions.note(value.header, sentAt);
    return done({ lease: value.ID as LeaseId, ttlMs: Number(value.TTL) * 1_000, sentAt }, at);
  }

  async revoke(lease: LeaseId, wait: Wait): Promise<Outcome<"revoked" | "gone">> {
    const reached = await this.#caller.ask(methods.leaseRevoke, { ID: lease }, patienceOf(wait));
    const { revisions } = this.#caller;
    if (reached.kind === "answered") {
      return done("revoked", revisions.note(reached.value.header, reached.sentAt));
    }
    if (reached.kind === "refused" && reached.reason.code === "leaseNotFound") {
      return done("gone", revisions.lastHeader);
    }
    return reached;
  }

  keys(lease: LeaseId, wait: Wait): Promise<Outcome<readonly Key[] | undefined>> {
    return untilWaitEnds(this.#caller.runtime, wait, async () => {
      const request = { ID: lease, keys: true };
      const reached = await this.#caller.ask(methods.leaseTimeToLive, request, patienceOf(wait));
      if (reached.kind !== "answered") return reached;
      const at = this.#caller.revisions.headerOf(reached.value.header);
      // That there is no such lease is told by a time to live below zero.
      return done(reached.value.TTL < 0n ? undefined : reached.value.keys, at);
    });
  }

  async *keepAlive(
    lease: LeaseId,
    everyMs: number,
    signal: AbortSignal,
  ): AsyncGenerator<Beat, void, undefined> {
    if (signal.aborted || this.#caller.tasks.signal.aborted) return;
    const heartbeat = new Heartbeat(this.#caller, { lease, everyMs, signal });
    this.#caller.tasks.run("etcd heartbeat", () => heartbeat.run());
    try {
      for (;;) {
        const beat = await heartbeat.next();
        if (beat === undefined) return;
        yield beat;
        if (beat.kind === "gone") return;
      }
    } finally {
      heartbeat.close();
    }
  }
}

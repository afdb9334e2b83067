/**
 * One client's connection to the model: the {@link Store} port with the rules of the real client. A write is sent
 * once and ends with its answer or its time; a read is tried again until its caller's time ends.
 */
import { refused, unknown, type Outcome } from "#core/outcome.ts";
import { after, sleep, type Instant } from "#core/runtime.ts";
import { assert } from "#core/refusal.ts";
import type {
  Beat,
  Changes,
  Key,
  KeyRange,
  LeaseGrant,
  LeaseId,
  Leases,
  RangeRead,
  Revision,
  Snapshot,
  Store,
  Wait,
  Write,
  WriteResult,
} from "#core/store.ts";
import { fromNow } from "#core/store.ts";
import type { TxnPort } from "#etcd/batch.ts";
import { keepAlive } from "./keep-alive.ts";
import type { Call, Link } from "./link.ts";
import { resultOf, txnOf } from "./single-write.ts";
import { txnPort } from "./txn-port.ts";
import type { Txn, TxnAnswer } from "./txn.ts";
import { watch } from "./watch.ts";
import { WriteOrder } from "./write-order.ts";

/** A write that has no answer by then has none: what its request still does is unknown. */
const answerWithinMs = 2_000;
/** One try of a read. */
const tryMs = 1_000;
const retryMs = 50;

export interface Writer {
  write(write: Write): Promise<Outcome<WriteResult>>;
}

export class ModelStore implements Store {
  readonly leases: Leases;
  readonly #link: Link;
  readonly #order = new WriteOrder();
  readonly #writer: Writer | undefined;

  /** `join`: what joins writes (the real group commit) over this client; absent: each write travels by itself. */
  constructor(link: Link, join?: (port: TxnPort) => Writer) {
    this.#link = link;
    this.#writer = join?.(txnPort((txn) => this.#txn(txn)));
    this.leases = {
      grant: (ttlMs, wait) => this.#grant(ttlMs, wait),
      keepAlive: (lease, everyMs, signal): AsyncIterable<Beat> =>
        keepAlive(link, { lease, everyMs, signal }),
      revoke: (lease, wait) => this.#revoke(lease, wait),
      keys: (lease, wait) => this.#keys(lease, wait),
    };
  }

  write(write: Write): Promise<Outcome<WriteResult>> {
    if (this.#writer !== undefined) return this.#writer.write(write);
    const send = () => this.#send(write);
    return write.alone === true ? send() : this.#order.enter(write, send);
  }

  read(ranges: readonly RangeRead[], wait: Wait, atLeast?: Revision): Promise<Outcome<Snapshot>> {
    return this.#repeat<Snapshot>(
      wait,
      (outcome) => {
        // An answer below what is known to have happened is a stale one: of another member, or of an etcd begun anew.
        return (
          outcome.kind === "done" && (atLeast === undefined || outcome.value.revision >= atLeast)
        );
      },
      { kind: "read", atServer: (server, answer) => answer(server.read(ranges)) },
    );
  }

  watch(range: KeyRange, from: Revision, signal: AbortSignal): AsyncIterable<Changes> {
    assert(from >= fromNow, "a watch from before the first revision");
    return watch(this.#link, { range, from, signal });
  }

  #txn(txn: Txn): Promise<Outcome<TxnAnswer>> {
    const until = after(this.#link.client.now(), answerWithinMs);
    return this.#once<TxnAnswer>(
      { kind: "write", atServer: (server, answer) => answer(server.txn(txn)) },
      until,
    );
  }

  async #send(write: Write): Promise<Outcome<WriteResult>> {
    const outcome = await this.#txn(txnOf(write));
    return outcome.kind === "done" ? resultOf(write, outcome.value, outcome.at) : outcome;
  }

  async #grant(ttlMs: number, wait: Wait): Promise<Outcome<LeaseGrant>> {
    const sentAt = this.#link.client.now();
    const outcome = await this.#once<{ lease: LeaseId; ttlMs: number }>(
      { kind: "grant", atServer: (server, answer) => answer(server.grant(ttlMs)) },
      wait.deadline,
      wait.signal,
    );
    return outcome.kind === "done" ? { ...outcome, value: { ...outcome.value, sentAt } } : outcome;
  }

  #revoke(lease: LeaseId, wait: Wait): Promise<Outcome<"revoked" | "gone">> {
    return this.#once<"revoked" | "gone">(
      { kind: "revoke", atServer: (server, answer) => answer(server.revoke(lease)) },
      wait.deadline,
      wait.signal,
    );
  }

  #keys(lease: LeaseId, wait: Wait): Promise<Outcome<readonly Key[] | undefined>> {
    return this.#repeat<readonly Key[] | undefined>(wait, (outcome) => outcome.kind === "done", {
      kind: "keys",
      atServer: (server, answer) => answer(server.keysOf(lease)),
    });
  }

  /** One call, until `deadline` or the signal: who leaves then does not know what became of it. */
  #once<T>(
    call: Omit<Call<T>, "heard">,
    deadline: Instant,
    signal?: AbortSignal,
  ): Promise<Outcome<T>> {
    const { client } = this.#link;
    if (signal?.aborted === true || client.now() >= deadline) return Promise.resolve(notSent());
    return new Promise((resolve) => {
      const end = (outcome: Outcome<T>) => {
        timer.cancel();
        signal?.removeEventListener("abort", leave);
        resolve(outcome);
      };
      const leave = () => end(unknown({ code: "cancelled", message: "its caller left" }));
      const timer = client.timer(deadline, () =>
        end(unknown({ code: "deadline", message: "no answer in time" })),
      );
      signal?.addEventListener("abort", leave, { once: true });
      this.#link.call<T>({ ...call, heard: end });
    });
  }

  async #repeat<T>(
    wait: Wait,
    enough: (outcome: Outcome<T>) => boolean,
    call: Omit<Call<T>, "heard">,
  ): Promise<Outcome<T>> {
    const { client } = this.#link;
    let sent = false;
    while (!wait.signal.aborted && client.now() < wait.deadline) {
      const tryEnds = Math.min(after(client.now(), tryMs), wait.deadline) as Instant;
      const outcome = await this.#once(call, tryEnds, wait.signal);
      if (enough(outcome) || (outcome.kind === "refused" && final.has(outcome.reason.code)))
        return outcome;
      sent ||= !(outcome.kind === "refused" && outcome.reason.code === "notSent");
      const pauseMs = Math.max(0, Math.min(retryMs, wait.deadline - client.now()));
      await sleep(client, pauseMs, wait.signal).catch(() => undefined);
    }
    const reason = wait.signal.aborted
      ? ({ code: "cancelled", message: "its caller left" } as const)
      : ({ code: "deadline", message: "no answer in time" } as const);
    return sent ? unknown(reason) : notSent();
  }
}

/** Refusals that another try would meet again. */
const final: ReadonlySet<string> = new Set([
  "invalidArgument",
  "permissionDenied",
  "unauthenticated",
  "compacted",
]);

function notSent(): Outcome<never> {
  return refused({ code: "notSent", message: "its time was over, or no endpoint was reachable" });
}

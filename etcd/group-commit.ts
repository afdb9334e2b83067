/**
 * Group commit: conditional writes that arrive while a request is under way ride together in the next one.
 *
 * A write waits → rides in a batch → has its outcome. At most {@link batchesMax} batches are under way; what a batch
 * touches stays owned by it until all its members have their outcome. There is no timer: a batch is sent at the end of the
 * loop's turn, so that all that came in with the write which wakes it rides along. Beside another, a batch goes only where
 * enough share its costs (`besideMin`): fewer writes ride together in the next one.
 *
 * What becomes of a batch:
 * - answered: each member has its part; where a shared fact failed, nothing was written but the unconditional deletes:
 *   members with a stale fact hear so, the others are sent again apart from them;
 * - refused: nothing was written; where one member can be the cause, the batch is halved until only that one fails;
 * - unknown: every member is unknown. Nothing is sent again.
 *
 * A store that is full refuses every request with a put in it, whatever else it holds. From its first such answer until
 * it accepts a put again, puts and the rest travel apart: a batch of puts then fails as a whole, with one request.
 */
import { refused, type Outcome, type StoreRefusal } from "#core/outcome.ts";
import { assert } from "#core/refusal.ts";
import type { Write, WriteResult } from "#core/store.ts";
import type { TxnPort } from "./batch.ts";
import { Batch, operationsMax, tooManyOperations } from "./group-commit/batch.ts";
import { Member } from "./group-commit/member.ts";
import { Ownership } from "./group-commit/ownership.ts";
import { Waiting } from "./group-commit/waiting.ts";

export const batchesMax = 2;
/** Writes that bypass the batches: epochs, of which a session has one at a time. */
export const aloneMax = 64;

export interface GroupCommitLimits {
  readonly waitingMax: number;
  readonly waitingMaxBytes: number;
  /** So many writes wait before they are sent beside a batch that is under way. */
  readonly besideMin: number;
}

export interface GroupCommitOptions extends Partial<GroupCommitLimits> {
  /** See `Runtime.turn`. Absent: the end of the step. */
  readonly turn?: (run: () => void) => void;
}

const defaultLimits: GroupCommitLimits = {
  waitingMax: 10_000,
  waitingMaxBytes: 64 * 1024 * 1024,
  besideMin: 24,
};

export class GroupCommit {
  readonly #port: TxnPort;
  readonly #limits: GroupCommitLimits;
  readonly #turn: (run: () => void) => void;
  readonly #waiting = new Waiting();
  readonly #owners = new Ownership();
  readonly #underWay = new Set<Promise<void>>();
  #batches = 0;
  #alone = 0;
  /** The store's quota is used up, as far as we know. */
  #full = false;
  #pumpSoon = false;
  #closed: Promise<void> | undefined;

  constructor(port: TxnPort, { turn = queueMicrotask, ...limits }: GroupCommitOptions = {}) {
    this.#port = port;
    this.#turn = turn;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** How many writes wait for a batch. */
  get waiting(): number {
    return this.#waiting.size;
  }

  write(write: Write): Promise<Outcome<WriteResult>> {
    return new Promise((resolve, reject) => {
      const member = new Member(write, resolve, reject);
      const no = this.#refusalOf(member);
      if (no !== undefined) {
        resolve(refused(no));
      } else if (write.alone === true) {
        this.#alone += 1;
        this.#own(this.#carryAlone(member));
      } else {
        this.#waiting.push(member);
        this.#wake();
      }
    });
  }

  /** Refuses what waits; resolves when what is under way has its outcome. */
  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(): Promise<void> {
    for (const member of this.#waiting.drain()) member.settle(refused(closedRefusal));
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  #refusalOf(member: Member): StoreRefusal | undefined {
    if (this.#closed !== undefined) return closedRefusal;
    if (tooManyOperations(member)) {
      const message = `A write has more compares or operations than etcd takes in one transaction (${operationsMax}).`;
      return { code: "invalidArgument", message };
    }
    const { waitingMax, waitingMaxBytes } = this.#limits;
    if (member.write.alone === true) {
      if (this.#alone < aloneMax) return undefined;
      return { code: "queueFull", message: `${aloneMax} writes that travel alone are under way.` };
    }
    if (this.#waiting.size >= waitingMax) {
      return { code: "queueFull", message: `${waitingMax} writes wait for etcd.` };
    }
    if (this.#waiting.size > 0 && this.#waiting.sizeBytes + member.bytes > waitingMaxBytes) {
      return { code: "queueFull", message: `Writes of ${waitingMaxBytes} bytes wait for etcd.` };
    }
    return undefined;
  }

  #wake(): void {
    if (this.#pumpSoon || this.#batches >= batchesMax) return;
    this.#pumpSoon = true;
    this.#turn(() => {
      this.#pumpSoon = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#batches < batchesMax) {
      if (this.#batches > 0 && this.#waiting.size < this.#limits.besideMin) return;
      const batch = this.#waiting.nextBatch(this.#owners, this.#full);
      if (batch === undefined) return;
      this.#batches += 1;
      this.#own(this.#carry(batch));
    }
  }

  #own(work: Promise<void>): void {
    const owned = work.finally(() => this.#underWay.delete(owned));
    this.#underWay.add(owned);
  }

  async #carry(batch: Batch): Promise<void> {
    await this.#settle(batch);
    this.#owners.release(batch);
    this.#batches -= 1;
    this.#waiting.revive();
    this.#wake();
  }

  async #carryAlone(member: Member): Promise<void> {
    await this.#settle(Batch.of([member]));
    this.#alone -= 1;
  }

  /** Sends the batch, and again what is known not to have been written, until each member has its outcome. */
  async #settle(batch: Batch): Promise<void> {
    try {
      // Each round sends fewer members in each batch: it ends.
      const toSend = [batch];
      for (let next = toSend.pop(); next !== undefined; next = toSend.pop()) {
        const outcome = await this.#port.sendTxn(next.request());
        switch (outcome.kind) {
          case "done": {
            if (next.puts) this.#full = false;
            const again = next.deliver(outcome.value, outcome.at);
            assert(again.length < next.members.length, "a batch failed for nobody's fact");
            if (again.length > 0) toSend.push(Batch.of(again));
            break;
          }
          case "refused":
            toSend.push(...this.#afterRefusal(next, outcome.reason));
            break;
          case "unknown":
            for (const member of next.members) member.settle(outcome);
            break;
          default:
            outcome satisfies never;
        }
      }
    } catch (bug) {
      for (const member of batch.members) member.fail(bug);
    }
  }

  /** What of a refused batch is worth sending again, last first; the others hear of the refusal. */
  #afterRefusal(batch: Batch, reason: StoreRefusal): readonly Batch[] {
    const { members } = batch;
    if (reason.code === "noSpace" && batch.puts) {
      this.#full = true;
      const rest = members.filter((member) => !member.puts);
      for (const member of members) if (member.puts) member.settle(refused(reason));
      return rest.length === 0 ? [] : [Batch.of(rest)];
    }
    if (members.length > 1 && isOnesFault(reason)) {
      const middle = Math.ceil(members.length / 2);
      return [Batch.of(members.slice(middle)), Batch.of(members.slice(0, middle))];
    }
    for (const member of members) member.settle(refused(reason));
    return [];
  }
}

const closedRefusal: StoreRefusal = { code: "notSent", message: "The client is closed." };

/** Whether one member can be the cause of the refusal, so that the others may go without it. */
function isOnesFault(reason: StoreRefusal): boolean {
  switch (reason.code) {
    case "leaseNotFound":
    case "invalidArgument":
    case "permissionDenied":
    case "compacted":
      return true;
    case "stale":
    case "unauthenticated":
    case "overloaded":
    case "noSpace":
    case "notSent":
    case "queueFull":
      return false;
    default:
      return reason satisfies never;
  }
}

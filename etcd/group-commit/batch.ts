/**
 * The members of one request, the request made of them, and each one's part of its answer.
 *
 * One transaction: `when` are the facts, each once; `then` holds every member; `otherwise` reads the facts, to tell
 * whose is stale, and holds the unconditional deletes, which so go through either way. etcd counts the longest part of
 * a transaction, and, for each nested one, its longest part on top of that.
 */
import { done, refused, type Header, type StaleFact } from "#core/outcome.ts";
import { assert } from "#core/refusal.ts";
import type { Fact, OpResult, RangeResult } from "#core/store.ts";
import type { TxnOp, TxnRequest, TxnResponse, TxnResult } from "../batch.ts";
import { Facts, sameFact, staleBy } from "./facts.ts";
import { contains, type Interval } from "./intervals.ts";
import { factBytes, partsMax, type Member } from "./member.ts";

export const membersMax = 120;
export const batchMaxBytes = 512 * 1024;
/** etcd's own bound, `--max-txn-ops`, at its default. */
export const operationsMax = 128;

const noFacts: readonly Fact[] = [];

export class Batch {
  readonly members: Member[] = [];
  readonly facts = new Facts();
  #operations = 0;
  #deleteOperations = 0;
  #depth = 0;
  #bytes = 0;

  static of(members: readonly Member[]): Batch {
    const batch = new Batch();
    for (const member of members) batch.add(member);
    return batch;
  }

  get puts(): boolean {
    return this.members.some((member) => member.puts);
  }

  /** Whether the request stays within its bounds with it. A first member always fits: see {@link tooManyOperations}. */
  fits(member: Member): boolean {
    if (this.members.length === 0) return true;
    if (this.members.length >= membersMax) return false;
    let facts = this.facts.list.length;
    let bytes = this.#bytes + member.bytes;
    for (const fact of member.write.given) {
      if (this.facts.find(fact) === "same") continue;
      facts += 1;
      bytes += factBytes(fact);
    }
    if (bytes > batchMaxBytes) return false;
    const deletes = this.#deleteOperations + (member.shape === "delete" ? member.width : 0);
    const longest = Math.max(this.#operations + member.width, facts > 0 ? facts + deletes : 0);
    return longest + Math.max(this.#depth, member.depth) <= operationsMax;
  }

  /** Gives back the facts that are new to the batch. */
  add(member: Member): readonly Fact[] {
    this.members.push(member);
    this.#operations += member.width;
    if (member.shape === "delete") this.#deleteOperations += member.width;
    if (member.depth > this.#depth) this.#depth = member.depth;
    this.#bytes += member.bytes;
    const known = this.facts.list.length;
    for (const fact of member.write.given) {
      // "Unlike" is only possible within the member: who contradicts himself is stale, whatever the state.
      if (this.facts.find(fact) === "same") continue;
      this.facts.add(fact, member.writesOwnFact && writesInto(member, fact));
      this.#bytes += factBytes(fact);
    }
    return known === this.facts.list.length ? noFacts : this.facts.list.slice(known);
  }

  request(): TxnRequest {
    const facts = this.facts.list;
    const [first] = this.members;
    assert(first !== undefined, "a batch without members was sent");
    if (this.members.length === 1) {
      if (facts.length === 0) return first.write;
      if (first.write.when.length === 0) {
        return { when: facts, then: first.write.then, otherwise: this.facts.reads() };
      }
    }
    const then: TxnOp[] = [];
    const otherwise: TxnOp[] = facts.length === 0 ? [] : this.facts.reads();
    for (const { shape, write } of this.members) {
      if (shape === "nested") {
        then.push({
          kind: "nested",
          when: write.when,
          then: write.then,
          otherwise: write.otherwise,
        });
        continue;
      }
      then.push(...write.then);
      if (shape === "delete" && facts.length > 0) otherwise.push(...write.then);
    }
    return { when: facts, then, otherwise };
  }

  /** Tells each member its outcome. Given back are those of whom nothing was written, and whose facts all hold. */
  deliver(response: TxnResponse, at: Header): readonly Member[] {
    const [first] = this.members;
    if (this.members.length === 1 && first !== undefined) {
      const bare = this.facts.list.length === 0;
      if (bare || (response.held && first.write.when.length === 0)) {
        const results = response.results.map(plain);
        first.settle(done({ held: bare ? response.held : true, results }, at));
        return [];
      }
    }
    if (!response.held) return this.#deliverStale(response, at);
    let place = 0;
    for (const member of this.members) {
      const result = response.results[place];
      if (member.shape === "nested") {
        assert(result?.kind === "nested", "a member's part of the answer is not a transaction's");
        member.settle(done({ held: result.held, results: result.results }, at));
      } else {
        const results = response.results.slice(place, place + member.width).map(plain);
        member.settle(done({ held: true, results }, at));
      }
      place += member.width;
    }
    assert(place === response.results.length, "the answer has parts that belong to nobody");
    return [];
  }

  #deliverStale(response: TxnResponse, at: Header): readonly Member[] {
    const facts = this.facts.list;
    assert(facts.length > 0, "a batch that compares nothing cannot have failed");
    const stale: StaleFact[] = [];
    facts.forEach((fact, place) => {
      const found = staleBy(fact, listed(response.results[place]));
      if (found !== undefined) stale.push(found);
    });
    assert(stale.length > 0, "facts failed, and hold");
    let place = facts.length;
    const again: Member[] = [];
    for (const member of this.members) {
      if (member.shape === "delete") {
        const results = response.results.slice(place, place + member.width).map(plain);
        member.settle(done({ held: true, results }, at));
        place += member.width;
        continue;
      }
      const own = staleOf(member, stale);
      if (own.length === 0) again.push(member);
      else member.settle(refused({ code: "stale", facts: own, at }));
    }
    return again;
  }
}

/** Whether no request, however packed, can carry it. */
export function tooManyOperations(member: Member): boolean {
  const { given, when } = member.write;
  const own = partsMax(member.write);
  if (when.length === 0) return Math.max(given.length, own) > operationsMax;
  return given.length + own > operationsMax;
}

function writesInto(member: Member, range: Interval): boolean {
  return member.writtenKeys.some((key) => contains(range, key));
}

/** The member's own facts among those that are stale. */
function staleOf(member: Member, stale: readonly StaleFact[]): StaleFact[] {
  const own: StaleFact[] = [];
  for (const fact of member.write.given) {
    const found = stale.find((other) => sameFact(other.fact, fact));
    if (found !== undefined) own.push({ ...found, fact });
  }
  return own;
}

function plain(result: TxnResult): OpResult {
  assert(result.kind !== "nested", "an operation was answered as a transaction");
  return result;
}

function listed(result: TxnResult | undefined): RangeResult {
  assert(result?.kind === "listed", "a fact was not read");
  return result.result;
}

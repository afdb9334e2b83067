/**
 * Who may ride together. A member owns the keys that it writes and the ranges that it lists; nobody else in its batch,
 * or in one that is under way, may write, list or compare them. What is only compared is shared.
 *
 * So a batch equals its members one by one, in any order: all compares of a transaction see the state before it, and
 * two batches that are under way may reach etcd in either order.
 */
import type { Fact, Key } from "#core/store.ts";
import type { Batch } from "./batch.ts";
import { contains, Intervals, type Interval } from "./intervals.ts";
import type { Claim, Member } from "./member.ts";

/** `free`: may ride. `busy`: touches what is under way or goes first. `unlike`: this batch expects otherwise. */
export type Verdict = "free" | "busy" | "unlike";

/** What the members of the batches under way own and compare. */
export class Ownership {
  readonly #claims = new Intervals<Claim>();
  readonly #compared = new Counted();

  get size(): number {
    return this.#claims.size;
  }

  judge(member: Member, batch: Batch, passed: Passed): Verdict {
    const { given } = member.write;
    for (const fact of given) {
      const found = batch.facts.find(fact);
      if (found === "unlike") return "unlike";
      // A fact that stands in the batch is compared there: nobody under way can be writing it.
      if (found === "none" && this.#claims.overlaps(fact)) return "busy";
    }
    for (const claim of member.claims) if (this.#claims.overlaps(claim)) return "busy";
    for (const key of member.comparedKeys) if (this.#claims.overlaps({ key })) return "busy";
    for (const key of member.writtenKeys) if (this.#compared.has(key)) return "busy";
    return passed.size > 0 && passed.concerns(member) ? "busy" : "free";
  }

  /** `facts`: what the member brings into the batch that was not in it. */
  take(member: Member, batch: Batch, facts: readonly Fact[]): void {
    member.batch = batch;
    for (const claim of member.claims) this.#claims.add(claim);
    for (const key of member.comparedKeys) this.#compared.add({ key });
    for (const fact of facts) this.#compared.add(fact);
  }

  /** With all the facts of the batch, which were taken as they came into it. */
  release(batch: Batch): void {
    this.#claims.removeWhere((claim) => claim.member.batch === batch);
    for (const member of batch.members) {
      member.batch = undefined;
      for (const key of member.comparedKeys) this.#compared.remove({ key });
    }
    for (const fact of batch.facts.list) this.#compared.remove(fact);
  }
}

/** What waiting members own and compare that were passed over: who came later and shares with them stays behind. */
export class Passed {
  size = 0;
  readonly #claims = new Intervals<Interval>();
  readonly #compared = new Counted();

  add(member: Member): void {
    this.size += 1;
    for (const claim of member.claims) this.#claims.merge(claim, (joined) => joined);
    for (const key of member.comparedKeys) this.#compared.add({ key });
    for (const fact of member.write.given) this.#compared.add(fact);
  }

  concerns(member: Member): boolean {
    return (
      member.claims.some((claim) => this.#claims.overlaps(claim)) ||
      member.comparedKeys.some((key) => this.#claims.overlaps({ key })) ||
      member.write.given.some((fact) => this.#claims.overlaps(fact)) ||
      member.writtenKeys.some((key) => this.#compared.has(key))
    );
  }

  clear(): void {
    this.size = 0;
    this.#claims.clear();
    this.#compared.clear();
  }
}

/** Keys and ranges that many may compare. The ranges are few: facts such as "no marker in this pool". */
class Counted {
  readonly #keys = new Map<Key, number>();
  #ranges: { readonly range: Interval; count: number }[] = [];

  add(interval: Interval): void {
    if (interval.end === undefined) {
      this.#keys.set(interval.key, (this.#keys.get(interval.key) ?? 0) + 1);
      return;
    }
    const known = this.#ranges.find(({ range }) => same(range, interval));
    if (known === undefined) this.#ranges.push({ range: interval, count: 1 });
    else known.count += 1;
  }

  remove(interval: Interval): void {
    if (interval.end === undefined) {
      const count = this.#keys.get(interval.key) ?? 0;
      if (count > 1) this.#keys.set(interval.key, count - 1);
      else this.#keys.delete(interval.key);
      return;
    }
    const known = this.#ranges.find(({ range }) => same(range, interval));
    if (known === undefined) return;
    known.count -= 1;
    if (known.count === 0) this.#ranges = this.#ranges.filter((other) => other !== known);
  }

  has(key: Key): boolean {
    return this.#keys.has(key) || this.#ranges.some(({ range }) => contains(range, key));
  }

  clear(): void {
    this.#keys.clear();
    this.#ranges = [];
  }
}

function same(one: Interval, other: Interval): boolean {
  return one.key === other.key && one.end === other.end;
}

/**
 * Who stands beside others of the same lock: cohorts of one caller each, members of sets, and cohorts of readers that hold it
 * together, of which one takes whoever comes.
 */
import { SideSeats } from "../session/seats.ts";
import type { Beside, Stander } from "./around.ts";
import type { Cohort } from "./cohort.ts";
import type { Line } from "./line.ts";
import type { Looks } from "./looks.ts";
import type { AcquireRequest } from "./views.ts";

export class CohortsBeside implements Beside<Cohort> {
  readonly seats = new SideSeats();
  readonly line: Line;
  readonly looks: Looks;
  readonly #cohorts = new Set<Cohort>();
  readonly #together = new Set<Cohort>();
  /** Of sets, each its place in this queue. */
  readonly members = new Set<Stander>();
  readonly #waiting = new Set<Stander>();

  constructor(line: Line, looks: Looks) {
    this.line = line;
    this.looks = looks;
  }

  [Symbol.iterator](): IterableIterator<Cohort> {
    return this.#cohorts.values();
  }

  get isEmpty(): boolean {
    return this.#cohorts.size === 0 && this.members.size === 0;
  }

  get waiting(): number {
    let waiting = this.#waiting.size;
    for (const { callers } of this.#together) waiting += callers.count();
    return waiting;
  }

  waits(who: Stander, waits: boolean): void {
    if (waits) this.#waiting.add(who);
    else this.#waiting.delete(who);
  }

  /** The readers whom one more may join. */
  get open(): Cohort | undefined {
    for (const cohort of this.#together) if (cohort.takesMore) return cohort;
    return undefined;
  }

  /** The one whose caller asks the same (by its requestId), and still waits. */
  repeated(request: AcquireRequest): Cohort | undefined {
    if (request.requestId === undefined) return undefined;
    for (const cohort of this.#cohorts)
      if (cohort.callers.repeated(request) !== undefined) return cohort;
    return undefined;
  }

  has(cohort: Cohort): boolean {
    return this.#cohorts.has(cohort);
  }

  add(cohort: Cohort): void {
    this.#cohorts.add(cohort);
    if (cohort.isTogether) this.#together.add(cohort);
  }

  remove(cohort: Cohort): void {
    this.#cohorts.delete(cohort);
    this.#together.delete(cohort);
    this.#waiting.delete(cohort);
  }
}

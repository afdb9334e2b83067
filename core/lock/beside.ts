/** Who has one caller each, and stands beside others of the same lock: cohorts, and members of sets. */
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
    return this.#waiting.size;
  }

  waits(who: Stander, waits: boolean): void {
    if (waits) this.#waiting.add(who);
    else this.#waiting.delete(who);
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
  }

  remove(cohort: Cohort): void {
    this.#cohorts.delete(cohort);
    this.#waiting.delete(cohort);
  }
}

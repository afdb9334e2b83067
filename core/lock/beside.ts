/** The cohorts of one lock that have one caller each, and stand beside each other. */
import { SideSeats } from "../session/seats.ts";
import type { Beside } from "./around.ts";
import type { Cohort } from "./cohort.ts";
import type { Line } from "./line.ts";
import type { Looks } from "./looks.ts";
import type { AcquireRequest } from "./views.ts";

export class CohortsBeside implements Beside<Cohort> {
  readonly seats = new SideSeats();
  readonly line: Line;
  readonly looks: Looks;
  readonly #cohorts = new Set<Cohort>();
  readonly #waiting = new Set<Cohort>();

  constructor(line: Line, looks: Looks) {
    this.line = line;
    this.looks = looks;
  }

  [Symbol.iterator](): IterableIterator<Cohort> {
    return this.#cohorts.values();
  }

  get isEmpty(): boolean {
    return this.#cohorts.size === 0;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  waits(cohort: Cohort, waits: boolean): void {
    if (waits) this.#waiting.add(cohort);
    else this.#waiting.delete(cohort);
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

/**
 * Circles of waiting among named owners: a pure function of one snapshot of all contenders, so never of what was at two times.
 *
 * An owner is stuck when each of its requests that waits would still wait if everything went that can go: all that has no
 * owner, and all of owners that are not stuck. What is left when no owner can be freed any more are those who wait for each
 * other. That holds for every mode: for permits it is not enough that somebody before a place is stuck.
 *
 * A circle is a strongly connected part of who waits for whom that is stuck by itself. An owner that waits for itself (it asks for
 * a lock that it holds) is a circle of one. Who names no owner is in none.
 */
import type { Contender } from "./contender.ts";
import type { LockName } from "./keys.ts";
import { holders, type Sharing } from "./order.ts";
import type { Revision } from "../store.ts";

export interface Queue {
  readonly lock: LockName;
  readonly sharing: Sharing;
  /** All of the lock, in order. */
  readonly contenders: readonly Contender[];
}

/** One place that waits, and for whom. */
export interface CircleWait {
  readonly lock: LockName;
  readonly contender: Contender;
  readonly owner: string;
  /** Owners of the circle that stand before it. */
  readonly behind: readonly string[];
}

export interface Circle {
  readonly waits: readonly CircleWait[];
}

/** What its own sidecar alone knows: of a contender that it was let in, though there are fewer permits now. */
export type IsAdmitted = (contender: Contender) => boolean;

interface Stuck {
  readonly owner: string;
  readonly queue: Queue;
  readonly contender: Contender;
}

export function circlesIn(queues: readonly Queue[], isAdmitted: IsAdmitted): Circle[] {
  const graph = new Graph(queues, isAdmitted);
  const stuck = graph.stuckAmong(graph.owners);
  return componentsOf(stuck, (owner) => graph.before(owner, stuck)).flatMap((component) => {
    // Within others that are stuck it may be free by itself: of permits, any that come back may do.
    const circle = graph.stuckAmong(component);
    return circle.size === 0 ? [] : [{ waits: graph.waitsOf(circle) }];
  });
}

/** The one whose end breaks a circle: of those that may be ended, the one that was made last. */
export function youngest(
  { waits }: Circle,
  mayEnd: (wait: CircleWait) => boolean,
): CircleWait | undefined {
  return waits
    .filter(mayEnd)
    .reduce<CircleWait | undefined>(
      (last, wait) => (last === undefined || isYounger(wait, last) ? wait : last),
      undefined,
    );
}

function isYounger({ contender: one }: CircleWait, { contender: other }: CircleWait): boolean {
  const made = (each: Contender): Revision => each.createRevision;
  return made(one) === made(other) ? one.key > other.key : made(one) > made(other);
}

class Graph {
  /** Places that do not hold, by their request: those of a set go together. */
  readonly #waiting = new Map<string, Map<string, Stuck[]>>();
  readonly #isAdmitted: IsAdmitted;

  constructor(queues: readonly Queue[], isAdmitted: IsAdmitted) {
    this.#isAdmitted = isAdmitted;
    for (const { lock, sharing, contenders } of queues) {
      const holding = holders(contenders, sharing);
      // Who only tries goes by itself, unless he got it.
      const stays = contenders.filter((one) => !one.trying || holding.has(one));
      const queue = { lock, sharing, contenders: stays };
      for (const contender of stays) {
        const { owner } = contender;
        if (owner === undefined || holding.has(contender) || isAdmitted(contender)) continue;
        const requests = this.#waiting.get(owner) ?? new Map<string, Stuck[]>();
        const request = requestOf(contender);
        requests.set(request, [...(requests.get(request) ?? []), { owner, queue, contender }]);
        this.#waiting.set(owner, requests);
      }
    }
  }

  /** Who waits for anything. */
  get owners(): ReadonlySet<string> {
    return new Set(this.#waiting.keys());
  }

  /** Those that stay where everything goes that is of nobody among them who can go on. */
  stuckAmong(owners: ReadonlySet<string>): ReadonlySet<string> {
    const stuck = new Set(owners);
    for (let freed = true; freed;) {
      freed = false;
      for (const owner of stuck) {
        const requests = [...(this.#waiting.get(owner)?.values() ?? [])];
        const goesOn = requests.some((places) =>
          places.every((place) => this.#blockers(place, stuck).length === 0),
        );
        if (goesOn) freed = stuck.delete(owner);
      }
    }
    return stuck;
  }

  /** The owners, among `stuck`, that this one waits for. */
  before(owner: string, stuck: ReadonlySet<string>): ReadonlySet<string> {
    const places = [...(this.#waiting.get(owner)?.values() ?? [])].flat();
    return new Set(places.flatMap((place) => this.#blockers(place, stuck)));
  }

  waitsOf(owners: ReadonlySet<string>): CircleWait[] {
    return [...owners].flatMap((owner) =>
      [...(this.#waiting.get(owner)?.values() ?? [])].flat().flatMap((place) => {
        const behind = [...new Set(this.#blockers(place, owners))];
        const { queue, contender } = place;
        return behind.length === 0 ? [] : [{ lock: queue.lock, contender, owner, behind }];
      }),
    );
  }

  /** The owners of those before it that keep it waiting, if only these stood there. */
  #blockers({ queue, contender }: Stuck, owners: ReadonlySet<string>): string[] {
    const { contenders, sharing } = queue;
    const before = contenders
      .slice(0, contenders.indexOf(contender))
      .filter(({ owner }) => owner !== undefined && owners.has(owner));
    if (this.#isAdmitted(contender) || holders([...before, contender], sharing).has(contender))
      return [];
    const excludes = ({ mode }: Contender) =>
      sharing.mode !== "ReadWrite" || contender.mode === "exclusive" || mode === "exclusive";
    return before.filter(excludes).flatMap(({ owner }) => owner ?? []);
  }
}

/** Places of one set have one seat and one create revision. */
function requestOf({ key, set, createRevision }: Contender): string {
  const seat = set === undefined ? key : key.slice(key.lastIndexOf("/") + 1);
  return `${seat}@${String(createRevision)}`;
}

/** Each of which all members reach each other; one alone only where it reaches itself. */
function componentsOf(
  owners: ReadonlySet<string>,
  next: (owner: string) => ReadonlySet<string>,
): ReadonlySet<string>[] {
  const edges = new Map([...owners].map((owner) => [owner, next(owner)]));
  dropTails(edges);
  const along = (owner: string): ReadonlySet<string> => edges.get(owner) ?? none;
  const reach = new Map([...edges.keys()].map((owner) => [owner, reachedFrom(owner, along)]));
  const taken = new Set<string>();
  const components: ReadonlySet<string>[] = [];
  for (const [owner, reached] of reach) {
    if (taken.has(owner) || !reached.has(owner)) continue;
    const component = [...reached].filter((other) => reach.get(other)?.has(owner) === true);
    for (const member of component) taken.add(member);
    components.push(new Set(component));
  }
  return components;
}

const none: ReadonlySet<string> = new Set();

/** Whom nobody waits for is in no circle: a thousand who wait behind one would else be gone through for each of them. */
function dropTails(edges: Map<string, ReadonlySet<string>>): void {
  const waitedFor = new Map<string, number>();
  for (const behind of edges.values())
    for (const owner of behind) waitedFor.set(owner, (waitedFor.get(owner) ?? 0) + 1);
  const tails = [...edges.keys()].filter((owner) => !waitedFor.has(owner));
  for (let tail = tails.pop(); tail !== undefined; tail = tails.pop()) {
    const behind = edges.get(tail) ?? none;
    edges.delete(tail);
    for (const owner of behind) {
      const left = (waitedFor.get(owner) ?? 1) - 1;
      waitedFor.set(owner, left);
      if (left === 0) tails.push(owner);
    }
  }
}

function reachedFrom(
  owner: string,
  next: (owner: string) => ReadonlySet<string>,
): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = [owner];
  for (let from = open.pop(); from !== undefined; from = open.pop())
    for (const to of next(from))
      if (!reached.has(to)) {
        reached.add(to);
        open.push(to);
      }
  return reached;
}

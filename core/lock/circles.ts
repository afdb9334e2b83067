/**
 * Circles of waiting among named owners: a pure function of one snapshot of all contenders, so never of what was at two times.
 *
 * Of tens of thousands it takes a while: it is worked through step by step, in time that grows with their number only, and
 * whoever runs it lets others have their turn ({@link inTurns}).
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

/** Told of for one wait: of a thousand in one queue all would be half a million names. */
export const behindMax = 100;

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
  /** Owners of the circle whose places before it keep it waiting: of the last {@link behindMax} of these. */
  readonly behind: () => readonly string[];
}

export interface Circle {
  readonly waits: readonly CircleWait[];
}

/** What its own sidecar alone knows: of a contender that it was let in, though there are fewer permits now. */
export type IsAdmitted = (contender: Contender) => boolean;

/** The place of an owner in one queue. */
interface Stand {
  readonly owner: string;
  readonly queue: Queue;
  /** How many-th in its queue. */
  readonly at: number;
  readonly contender: Contender;
  /** Absent: it holds. */
  readonly request: Request | undefined;
}

/** Its places that do not hold: those of a set go together. */
interface Request {
  places: number;
}

/** What is found at the end of many small steps. */
export type Steps<T> = Generator<undefined, T>;

export function* circlesIn(queues: readonly Queue[], isAdmitted: IsAdmitted): Steps<Circle[]> {
  const graph = new Graph();
  yield* graph.take(queues, isAdmitted);
  const nodes = yield* nodesOf(yield* graph.stuckAmong(graph.owners));
  const circles: Circle[] = [];
  for (const component of yield* componentsOf(nodes)) {
    // Within others that are stuck it may be free by itself: of permits, any that come back may do.
    const circle = yield* graph.stuckAmong(component);
    if (circle.owners.size > 0) circles.push({ waits: yield* waitsOf(circle) });
  }
  return circles;
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
  /** Of each owner. */
  readonly #stands = new Map<string, Stand[]>();
  /** Who waits for anything. */
  readonly owners = new Set<string>();

  *take(queues: readonly Queue[], isAdmitted: IsAdmitted): Steps<void> {
    const requests = new Map<string, Request>();
    for (const queue of queues) {
      const holding = holders(queue.contenders, queue.sharing);
      for (const [at, contender] of queue.contenders.entries()) {
        yield;
        const { owner, trying } = contender;
        // Who only tries goes by itself, unless he got it.
        if (owner === undefined || (trying && !holding.has(contender))) continue;
        const waits = !holding.has(contender) && !isAdmitted(contender);
        const request = waits ? requestIn(requests, contender) : undefined;
        if (waits) this.owners.add(owner);
        const stands = this.#stands.get(owner) ?? [];
        this.#stands.set(owner, stands);
        stands.push({ owner, queue, at, contender, request });
      }
    }
  }

  /**
   * Those that stay where everything goes that is of nobody among them who can go on. Each place is passed once by the front of
   * its queue, and taken out of it once: an owner that is freed moves only the fronts of the queues in which it stands.
   */
  *stuckAmong(among: ReadonlySet<string>): Steps<Stuck> {
    const owners = new Set(among);
    const fronts = new Map<Queue, Front>();
    const standsOf = (owner: string): readonly Stand[] => this.#stands.get(owner) ?? [];
    for (const owner of owners) {
      yield;
      for (const stand of standsOf(owner)) {
        const front = fronts.get(stand.queue) ?? new Front(stand.queue.sharing);
        fronts.set(stand.queue, front);
        front.stands.push(stand);
      }
    }
    const granted = new Map<Request, number>();
    const free: string[] = [];
    const letIn = ({ owner, request }: Stand): void => {
      if (request === undefined) return;
      const places = (granted.get(request) ?? 0) + 1;
      granted.set(request, places);
      if (places === request.places) free.push(owner);
    };
    for (const front of fronts.values()) {
      yield;
      front.stands.sort((one, other) => one.at - other.at);
      front.moveOn(owners, letIn);
    }
    for (let owner = free.pop(); owner !== undefined; owner = free.pop()) {
      yield;
      if (!owners.delete(owner)) continue;
      // All of its places go before any front moves on, and takes those that it passes then for gone.
      for (const stand of standsOf(owner)) fronts.get(stand.queue)?.goes(stand);
      for (const { queue } of standsOf(owner)) fronts.get(queue)?.moveOn(owners, letIn);
    }
    return { owners, fronts: [...fronts.values()] };
  }
}

interface Stuck {
  readonly owners: ReadonlySet<string>;
  readonly fronts: readonly Front[];
}

/**
 * How far a queue can go on, if only those stood in it that are stuck. Its first place that cannot is where it stops: nobody is
 * passed over, so none behind that can either, in any mode.
 */
class Front {
  readonly sharing: Sharing;
  /** In order, when it moves on. */
  readonly stands: Stand[] = [];
  #next = 0;
  /** Of those before `#next` that are stuck. */
  #count = 0;
  #exclusive = 0;
  #permits = 0;

  constructor(sharing: Sharing) {
    this.sharing = sharing;
  }

  moveOn(stuck: ReadonlySet<string>, letIn: (stand: Stand) => void): void {
    for (let stand = this.stands[this.#next]; stand !== undefined;) {
      if (stuck.has(stand.owner)) {
        if (stand.request !== undefined && this.#blocks(stand.contender)) return;
        letIn(stand);
        this.#add(stand, 1);
      }
      this.#next += 1;
      stand = this.stands[this.#next];
    }
  }

  /** It is not stuck any more. */
  goes(stand: Stand): void {
    if (!this.#isBehind(stand)) this.#add(stand, -1);
  }

  /** What is left in it, in order; `waits`: it cannot go on. */
  *left(stuck: ReadonlySet<string>): Iterable<Stand & { readonly waits: boolean }> {
    for (const stand of this.stands)
      if (stuck.has(stand.owner))
        yield { ...stand, waits: stand.request !== undefined && this.#isBehind(stand) };
  }

  /** Whether only exclusive ones before it keep it waiting. */
  isReader({ mode }: Contender): boolean {
    return this.sharing.mode === "ReadWrite" && mode === "shared";
  }

  #isBehind({ at }: Stand): boolean {
    return at >= (this.stands[this.#next]?.at ?? Number.POSITIVE_INFINITY);
  }

  #blocks(contender: Contender): boolean {
    if (this.isReader(contender)) return this.#exclusive > 0;
    const { mode, permits } = this.sharing;
    return this.#count > 0 && (mode !== "Semaphore" || this.#permits + contender.permits > permits);
  }

  #add({ contender }: Stand, one: 1 | -1): void {
    this.#count += one;
    this.#permits += one * contender.permits;
    if (contender.mode === "exclusive") this.#exclusive += one;
  }
}

/** Of those that cannot go on, each with the owners of those before it that keep it waiting. */
function* waitsOf({ owners, fronts }: Stuck): Steps<CircleWait[]> {
  const waits: CircleWait[] = [];
  for (const front of fronts) {
    const [all, writers]: [string[], string[]] = [[], []];
    for (const { owner, queue, contender, waits: isBlocked } of front.left(owners)) {
      yield;
      const before = front.isReader(contender) ? writers : all;
      const count = before.length;
      const behind = () => [...new Set(before.slice(Math.max(0, count - behindMax), count))];
      if (isBlocked) waits.push({ lock: queue.lock, contender, owner, behind });
      all.push(owner);
      if (contender.mode === "exclusive") writers.push(owner);
    }
  }
  return waits;
}

/** Places of one set have one seat and one create revision. */
function requestIn(requests: Map<string, Request>, contender: Contender): Request {
  const { owner, key, set, createRevision } = contender;
  const seat = set === undefined ? key : key.slice(key.lastIndexOf("/") + 1);
  const id = JSON.stringify([owner, seat, String(createRevision)]);
  const request = requests.get(id) ?? { places: 0 };
  request.places += 1;
  requests.set(id, request);
  return request;
}

/** An owner, or all from the front of a queue up to a place: so each place has two ways on, however many stand before it. */
interface Node {
  readonly owner?: string;
  readonly to: Node[];
  /** As how many-th it was reached; 0: not yet. */
  reached: number;
  /** The first of those on the path that it leads back to. */
  low: number;
  isOpen: boolean;
  tried: number;
}

function nodeFor(owner?: string): Node {
  const node = { to: [], reached: 0, low: 0, isOpen: false, tried: 0 };
  return owner === undefined ? node : { owner, ...node };
}

/** Who waits for whom. */
function* nodesOf({ owners, fronts }: Stuck): Steps<Iterable<Node>> {
  const nodes = new Map<string, Node>();
  for (const front of fronts) {
    let all: Node | undefined;
    let writers: Node | undefined;
    for (const { owner, contender, waits } of front.left(owners)) {
      yield;
      const node = nodes.get(owner) ?? nodeFor(owner);
      nodes.set(owner, node);
      const behind = front.isReader(contender) ? writers : all;
      if (waits && behind !== undefined) node.to.push(behind);
      const upTo = (before: Node | undefined): Node => {
        const upToIt = nodeFor();
        upToIt.to.push(node, ...(before === undefined ? [] : [before]));
        return upToIt;
      };
      all = upTo(all);
      if (contender.mode === "exclusive") writers = upTo(writers);
    }
  }
  return nodes.values();
}

/** Each of which all members reach each other; one alone only where it reaches itself. Tarjan's way, without recursion. */
function* componentsOf(roots: Iterable<Node>): Steps<ReadonlySet<string>[]> {
  const components: ReadonlySet<string>[] = [];
  const [open, path]: [Node[], Node[]] = [[], []];
  let count = 0;
  const reach = (node: Node): void => {
    count += 1;
    node.reached = node.low = count;
    node.isOpen = true;
    open.push(node);
    path.push(node);
  };
  for (const root of roots) {
    if (root.reached === 0) reach(root);
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      yield;
      const to = node.to[node.tried];
      node.tried += 1;
      if (to?.reached === 0) reach(to);
      else if (to?.isOpen === true) node.low = Math.min(node.low, to.reached);
      if (to !== undefined) continue;
      path.pop();
      const from = path.at(-1);
      if (from !== undefined) from.low = Math.min(from.low, node.low);
      if (node.low !== node.reached) continue;
      const component = open.splice(open.lastIndexOf(node));
      for (const each of component) each.isOpen = false;
      if (component.length > 1)
        components.push(new Set(component.flatMap(({ owner }) => owner ?? [])));
    }
  }
  return components;
}

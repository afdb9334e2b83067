/**
 * When what goes wrong, from a seed. Two lanes of faults happen to pods, each time to one to which nothing else happens, and one
 * to etcd, side by side. Each lane deals from a shuffled pack of all faults of its kind, so that each comes about as often as
 * any other, and once at least where there is time. Now and then all lanes stop, and what nobody overlaps is seen.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Chance, type Bounds } from "#test/support/world/chance.ts";
import type { Pod } from "../stage/pod.ts";
import type { Stage } from "../stage/stage.ts";
import {
  clusterFaults,
  diskFaults,
  etcdFaults,
  leaderFaults,
  podFaults,
  type EtcdFault,
  type PodFault,
} from "./catalog.ts";
import type { Trouble } from "./trouble.ts";

export interface Troubles {
  readonly seed: string;
  readonly seconds: number;
  /** Absent: all. */
  readonly ofPods?: readonly PodFault[];
  readonly ofEtcd?: readonly EtcdFault[];
  /** How long each lasts, where it lasts; absent: drawn. */
  readonly lastsMs?: Bounds;
  /** Aborts when it has lasted long enough, before its seconds are over. */
  readonly enough?: AbortSignal | undefined;
}

const podLanesMax = 2;
const gapBetween = { min: 100, max: 1_500 };
/** A stretch of faults, and one without any. */
const stormMs = 40_000;
export const calmMs = 10_000;
/** The traffic runs before anything goes wrong. */
const headStartMs = 1_500;

export async function causeTrouble(stage: Stage, plan: Troubles): Promise<void> {
  const over = new AbortController();
  const late = setTimeout(() => {
    over.abort(new Error("the run is over"));
  }, plan.seconds * 1_000);
  const ends = plan.enough === undefined ? [over.signal] : [over.signal, plan.enough];
  try {
    await new Lanes(stage, plan, AbortSignal.any([...ends, stage.broken])).run();
  } catch (error) {
    // What a fault meets that finds its process gone is told by that.
    if (!stage.broken.aborted) throw error;
  } finally {
    clearTimeout(late);
    over.abort(new Error("the run is over"));
  }
}

class Lanes {
  readonly #stage: Stage;
  readonly #plan: Troubles;
  readonly #over: AbortSignal;
  readonly #busy = new Set<Pod>();
  readonly #packs: { readonly ofPods: Pack<PodFault>; readonly ofEtcd: Pack<EtcdFault> };
  #count = 0;

  constructor(stage: Stage, plan: Troubles, over: AbortSignal) {
    this.#stage = stage;
    this.#plan = plan;
    this.#over = over;
    const { seed, ofPods = namesOf(podFaults) } = plan;
    const { etcd, disks } = stage;
    const ofEtcd = etcdFaultsOf(etcd.members.length, plan).filter(
      (name) => disks !== undefined || !diskFaults.has(name),
    );
    this.#packs = {
      ofPods: new Pack(ofPods, new Chance(`${seed} pods`)),
      ofEtcd: new Pack(ofEtcd, new Chance(`${seed} etcd`)),
    };
  }

  async run(): Promise<void> {
    await this.#rest(headStartMs);
    while (!this.#over.aborted) {
      const until = performance.now() + stormMs;
      // One pod is left alone, to see what becomes of the others.
      const podLanes = Math.min(podLanesMax, this.#stage.pods.length - 1);
      const lanes = Array.from({ length: podLanes }, (_, at) => this.#podLane(at, until));
      const ended = await Promise.allSettled([...lanes, this.#etcdLane(until)]);
      for (const lane of ended) if (lane.status === "rejected") throw lane.reason;
      await this.#rest(calmMs);
    }
  }

  async #podLane(lane: number, until: number): Promise<void> {
    const chance = new Chance(`${this.#plan.seed} lane ${lane} ${this.#count}`);
    while (!this.#isOver(until)) {
      const name = this.#packs.ofPods.next();
      if (name === undefined) return;
      const pod = chance.oneOf(this.#stage.pods.filter((one) => !this.#busy.has(one)));
      this.#busy.add(pod);
      await this.#cause(name, pod.name, () => podFaults[name](this.#trouble(chance), pod));
      this.#busy.delete(pod);
      await this.#rest(chance.between(gapBetween));
    }
  }

  async #etcdLane(until: number): Promise<void> {
    const chance = new Chance(`${this.#plan.seed} etcd ${this.#count}`);
    while (!this.#isOver(until)) {
      const name = this.#packs.ofEtcd.next();
      if (name === undefined) return;
      const drawn = chance.oneOf(this.#stage.etcd.members);
      const leader = leaderFaults.has(name) ? await this.#stage.leader() : undefined;
      const member = leader ?? drawn;
      await this.#cause(name, member.name, () => ofMembers[name](this.#trouble(chance), member));
      await this.#rest(chance.between(gapBetween));
    }
  }

  #trouble(chance: Chance): Trouble {
    return { stage: this.#stage, chance, over: this.#over, lastsMs: this.#plan.lastsMs };
  }

  async #cause(name: string, target: string, happens: () => Promise<void>): Promise<void> {
    const { record } = this.#stage;
    this.#count += 1;
    const fault = { kind: "fault", id: this.#count, name, target } as const;
    record.write({ ...fault, phase: "begins" });
    await happens();
    record.write({ ...fault, phase: "ends" });
  }

  #isOver(until: number): boolean {
    return this.#over.aborted || performance.now() >= until;
  }

  async #rest(ms: number): Promise<void> {
    if (this.#over.aborted) return;
    await sleep(ms, undefined, { signal: this.#over }).catch((error: unknown) => {
      if (!this.#over.aborted) throw error;
    });
  }
}

/** Whether it has faults for which the members of its etcd need disks of their own. */
export function needsDisks(members: number, plan: Troubles): boolean {
  return etcdFaultsOf(members, plan).some((name) => diskFaults.has(name));
}

function etcdFaultsOf(members: number, { ofEtcd }: Troubles): readonly EtcdFault[] {
  return ofEtcd ?? (members > 1 ? namesOf(ofMembers) : namesOf(etcdFaults));
}

const ofMembers = { ...etcdFaults, ...clusterFaults };

/** Deals all, then all again in another order. */
class Pack<T extends string> {
  readonly #all: readonly T[];
  readonly #chance: Chance;
  #left: T[] = [];

  constructor(all: readonly T[], chance: Chance) {
    this.#all = all;
    this.#chance = chance;
  }

  next(): T | undefined {
    if (this.#left.length === 0) this.#left = [...this.#all];
    if (this.#left.length === 0) return undefined;
    const at = this.#chance.wholeBetween({ min: 0, max: this.#left.length - 1 });
    return this.#left.splice(at, 1)[0];
  }
}

function namesOf<T extends string>(table: Readonly<Record<T, unknown>>): T[] {
  return Object.keys(table) as T[];
}

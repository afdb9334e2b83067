/**
 * A link with all the uncertainty of a network and a server that fails: from the world's seed (its {@link Weather}),
 * and by command. It never carries anything twice. What was sent before its client was killed still arrives.
 *
 * A direction can be cut in two ways: what is `held` arrives after {@link heal} (TCP sends it again), what is `lost`
 * never does; its client hears nothing either way.
 */
import { refused, unknown, type Outcome, type StoreRefusal } from "#core/outcome.ts";
import { fromNow, revision, type KeyRange, type Revision } from "#core/store.ts";
import type { VirtualRuntime } from "../world/virtual-runtime.ts";
import type { Bounds, Chance } from "../world/chance.ts";
import type { Told, Watching } from "./history.ts";
import { before, Lane } from "./lane.ts";
import { connectionLost, type Call, type CallKind, type Link, type WatchCall } from "./link.ts";
import type { EtcdModel } from "./server.ts";
import { drawFate, type Fate, type Weather } from "./weather.ts";

export type Direction = "requests" | "answers";
export type Cut = "held" | "lost";

/** Planned fates, held messages and calls under way of one client; more of them is a runaway client. */
const plannedMax = 10_000;

interface UnderWay {
  /** The client has heard of it, or never will. */
  over: boolean;
  arrived: boolean;
  readonly hear: (outcome: Outcome<never>) => void;
}

interface Standing {
  readonly kinds: readonly CallKind[];
  readonly reason: StoreRefusal;
}

export class UncertainLink implements Link {
  readonly server: EtcdModel;
  readonly client: VirtualRuntime;
  weather: Weather;
  readonly #chance: Chance;
  readonly #planned: { readonly kind: CallKind; readonly fate: Fate }[] = [];
  readonly #cuts: Record<Direction, Cut | undefined> = { requests: undefined, answers: undefined };
  readonly #held: Record<Direction, (() => void)[]> = { requests: [], answers: [] };
  readonly #underWay = new Set<UnderWay>();
  readonly #lanes = new Map<Lane, (told: Told) => void>();
  #standing: Standing | undefined;
  #watchesHeld = false;

  constructor(server: EtcdModel, client: VirtualRuntime, weather: Weather) {
    this.server = server;
    this.client = client;
    this.weather = weather;
    this.#chance = client.world.chanceFor(`link/${client.name}`);
  }

  /** What the next calls of that kind meet, one fate a call, before the weather has a say. */
  plan(kind: CallKind, ...fates: readonly Fate[]): void {
    if (this.#planned.length + fates.length > plannedMax)
      throw new Error("too many fates are planned");
    this.#planned.push(...fates.map((fate) => ({ kind, fate })));
  }

  /** What was planned and not met is forgotten. */
  planNoMore(): void {
    this.#planned.length = 0;
  }

  /** Until {@link accept}: the server refuses every call of these kinds. `notSent`: no call of any kind gets out. */
  refuse(reason: StoreRefusal, kinds: readonly CallKind[] = ["write", "grant", "revoke"]): void {
    this.#standing = { kinds, reason };
  }

  accept(): void {
    this.#standing = undefined;
  }

  cut(direction: Direction | "both", how: Cut = "held"): void {
    for (const each of direction === "both" ? (["requests", "answers"] as const) : [direction]) {
      this.#cuts[each] = how;
      // A stream with a hole cannot go on.
      if (how === "lost") for (const lane of this.#lanes.keys()) lane.spoiled = true;
    }
  }

  /** Both directions flow again; watches that lost something are broken, so that their client opens them anew. */
  heal(): void {
    for (const direction of ["requests", "answers"] as const) {
      this.#cuts[direction] = undefined;
      for (const go of this.#held[direction].splice(0)) this.client.world.in(0, go);
    }
    for (const lane of [...this.#lanes.keys()]) if (lane.spoiled) this.#break(lane);
  }

  /** The connection ends. What is under way has no answer; what has not arrived does so still, or never. */
  reset(): void {
    for (const call of [...this.#underWay]) {
      call.hear(connectionLost());
      if (this.#chance.happens(0.5)) call.arrived = true;
    }
    for (const lane of [...this.#lanes.keys()]) this.#break(lane);
  }

  /** All watches, also those opened now, fall silent: progress comes, changes do not. */
  holdWatches(): void {
    this.#watchesHeld = true;
    for (const lane of this.#lanes.keys()) lane.silence(this.server.header);
  }

  releaseWatches(): void {
    this.#watchesHeld = false;
    for (const lane of this.#lanes.keys()) lane.speak();
  }

  call<T>(call: Call<T>): void {
    const fate = this.#fateOf(call.kind);
    if (fate !== "answered") this.client.log.debug("link", { call: call.kind, fate });
    const journey = this.#begin(call);
    if (fate === "notSent" || this.#standing?.reason.code === "notSent") {
      this.#later({ min: 0, max: 0 }, () => journey.hear(refused(notSent)));
      return;
    }
    if (fate === "requestLost") {
      this.#lose(journey);
      return;
    }
    const lineage = this.server.lineage;
    const incarnation = this.server.incarnation;
    const arrive = (): void => {
      if (journey.arrived) return;
      journey.arrived = true;
      this.server.runtime.deliver(() => {
        // The request was on a connection that the restart ended.
        if (this.server.incarnation !== incarnation) this.#answer(journey, connectionLost());
        else this.#arrive(call, { journey, fate, lineage });
      });
    };
    const lost = (): void => this.#lose(journey);
    this.#later(this.weather.requestMs, () => this.#pass("requests", arrive, lost));
  }

  watch({ range, from, heard }: WatchCall): Watching {
    const lane = new Lane({ carry: (told) => this.#carry(lane, told) });
    this.#lanes.set(lane, heard);
    if (this.#cuts.answers === "lost" || this.#cuts.requests === "lost") lane.spoiled = true;
    if (this.#watchesHeld) lane.silence(this.server.header);
    this.#later(this.weather.requestMs, () =>
      this.#pass("requests", () =>
        this.server.runtime.deliver(() => {
          if (lane.cancelled || lane.spoiled) return;
          const opened = this.#open(lane, range, from);
          lane.watching = opened;
          // Telling the past has shown that nobody reads any more.
          if (lane.cancelled) opened.cancel();
        }),
      ),
    );
    return {
      progress: () =>
        this.#later(this.weather.requestMs, () =>
          this.#pass("requests", () =>
            this.server.runtime.deliver(() => lane.watching?.progress()),
          ),
        ),
      cancel: () => this.#forget(lane),
    };
  }

  /** For a member that is cut off, "now" is the last that it knows: what came after it is told when it speaks. */
  #open(lane: Lane, range: KeyRange, from: Revision): Watching {
    const tell = (told: Told): void => this.#tell(lane, told);
    if (from !== fromNow || lane.silentAt === undefined)
      return this.server.watch(range, from, tell);
    lane.tell({ kind: "progress", at: lane.silentAt });
    return this.server.watch(range, revision(lane.silentAt.revision + 1n), tell);
  }

  #fateOf(kind: CallKind): Fate {
    const planned = this.#planned.findIndex((plan) => plan.kind === kind);
    if (planned >= 0) return this.#planned.splice(planned, 1)[0]?.fate ?? "answered";
    return drawFate(this.weather.odds, this.#chance);
  }

  #begin<T>(call: Call<T>): UnderWay {
    if (this.#underWay.size >= plannedMax)
      throw new Error(`${this.client.name} has too many calls under way`);
    const journey: UnderWay = {
      over: false,
      arrived: false,
      hear: (outcome) => {
        if (journey.over) return;
        journey.over = true;
        this.#underWay.delete(journey);
        this.client.deliver(() => call.heard(outcome));
      },
    };
    this.#underWay.add(journey);
    return journey;
  }

  /** The request is at the server. */
  #arrive<T>(call: Call<T>, { journey, fate, lineage }: Arrival): void {
    const { server } = this;
    const standing = this.#standing;
    if (standing?.kinds.includes(call.kind) === true) {
      this.#answer(journey, refused(standing.reason));
      return;
    }
    if (typeof fate === "object") {
      this.#answer(journey, refused(fate.refused));
      return;
    }
    switch (fate) {
      case "answered":
      case "answerLost":
      case "connectionLost":
        call.atServer(server, (answer) => {
          if (fate === "answered") this.#answer(journey, answer);
          else if (fate === "connectionLost") this.#answer(journey, connectionLost());
          else this.#lose(journey);
        });
        break;
      case "overloaded":
        this.#answer(
          journey,
          refused({ code: "overloaded", message: "etcdserver: too many requests" }),
        );
        break;
      case "timedOutNotDone":
        this.#answer(journey, timedOut());
        break;
      case "timedOutThenDone":
        this.#answer(journey, timedOut());
        // It lies in the log: neither the client's end nor the server's restart takes it back, only lost data does.
        this.#later(this.weather.lateMs, () => {
          if (server.lineage === lineage) call.atServer(server, () => undefined);
        });
        break;
      case "notSent":
      case "requestLost":
        throw new Error("was dealt with before it was sent");
      default:
        fate satisfies never;
    }
  }

  #answer<T>(journey: UnderWay, outcome: Outcome<T>): void {
    this.#later(this.weather.answerMs, () =>
      this.#pass(
        "answers",
        () => journey.hear(outcome as Outcome<never>),
        () => this.#lose(journey),
      ),
    );
  }

  /** The client will never hear of it; its own time must end it. */
  #lose(journey: UnderWay): void {
    journey.over = true;
    this.#underWay.delete(journey);
  }

  #tell(lane: Lane, told: Told): void {
    const { watchHeld, watchHeldMs } = this.weather;
    if (told.kind === "changes" && lane.silentAt === undefined && this.#chance.happens(watchHeld)) {
      lane.silence(before(told.at));
      this.client.log.debug("link", { watch: "silent", at: told.at.revision });
      this.#later(watchHeldMs, () => {
        if (!this.#watchesHeld) lane.speak();
      });
    }
    lane.tell(told);
  }

  #carry(lane: Lane, told: Told): void {
    const world = this.client.world;
    // Nobody reads any more: the server will find the connection closed.
    if (this.client.state === "killed") this.#forget(lane);
    const arrivesMs = Math.max(
      lane.lastArrivalMs,
      world.nowMs + this.#chance.between(this.weather.eventMs),
    );
    lane.lastArrivalMs = arrivesMs;
    world.at(arrivesMs, () =>
      this.#pass(
        "answers",
        () => this.#hear(lane, told),
        () => {
          lane.spoiled = true;
        },
      ),
    );
  }

  #hear(lane: Lane, told: Told): void {
    const heard = this.#lanes.get(lane);
    if (heard === undefined || lane.cancelled || lane.spoiled) return;
    if (told.kind === "broken" || told.kind === "compacted") this.#forget(lane);
    this.client.deliver(() => {
      if (!lane.cancelled || told.kind === "broken" || told.kind === "compacted") heard(told);
    });
  }

  #break(lane: Lane): void {
    const heard = this.#lanes.get(lane);
    this.#forget(lane);
    if (heard !== undefined) this.client.deliver(() => heard({ kind: "broken" }));
  }

  #forget(lane: Lane): void {
    lane.cancelled = true;
    this.#lanes.delete(lane);
    this.server.runtime.deliver(() => lane.watching?.cancel());
  }

  /** Goes through a direction, or waits at its cut, or is lost there. */
  #pass(direction: Direction, go: () => void, lost?: () => void): void {
    const cut = this.#cuts[direction];
    if (cut === undefined) go();
    else if (cut === "lost") lost?.();
    else if (this.#held[direction].length >= plannedMax) throw new Error("too much waits at a cut");
    else this.#held[direction].push(go);
  }

  #later(bounds: Bounds, run: () => void): void {
    this.client.world.in(this.#chance.between(bounds), run);
  }
}

interface Arrival {
  readonly journey: UnderWay;
  readonly fate: Fate;
  readonly lineage: number;
}

const notSent: StoreRefusal = { code: "notSent", message: "no endpoint is reachable" };

function timedOut(): Outcome<never> {
  return unknown({ code: "unavailable", message: "etcdserver: request timed out" });
}

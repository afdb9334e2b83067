/** A simulated application: takes locks, holds them, renews or forgets them, gives up, asks again, and dies with nobody. */
import type { AcquireRequest, GrantView, LockDemand } from "#core/lock/views.ts";
import type { Chance } from "#test/support/world/chance.ts";
import type { Demand } from "#core/lock/order.ts";
import { forOneself, type Answer, type Process } from "./process.ts";
import type { Acquired } from "#core/lock/views.ts";
import type { Pod } from "./pod.ts";
import type { Stage } from "./stage.ts";

const ttlsMs = [200, 500, 1_500, 4_000];
const releasesMax = 5;
/** How many more locks are taken while one is held. */
const depthMax = 2;

export class Client {
  readonly name: string;
  readonly #stage: Stage;
  readonly #pod: Pod;
  readonly #chance: Chance;
  /** Of what was not always there: its draws move no others. */
  readonly #more: Chance;
  /** Apart, so that a schedule without sets is the same as ever. */
  readonly #setChance: Chance;
  readonly #guardChance: Chance;
  #requests = 0;

  constructor(stage: Stage, pod: Pod, index: number) {
    this.#stage = stage;
    this.#pod = pod;
    this.name = `${pod.name}-app-${String(index)}`;
    this.#chance = stage.world.chanceFor(`client/${this.name}`);
    this.#more = stage.world.chanceFor(`client/${this.name}/more`);
    this.#setChance = stage.world.chanceFor(`client/${this.name}/sets`);
    this.#guardChance = stage.world.chanceFor(`client/${this.name}/guarded`);
  }

  /** Until `untilMs`; what it holds then it gives back, or has forgotten. */
  async work(untilMs: number): Promise<void> {
    const { thinkMs } = this.#stage.schedule;
    while (this.#stage.world.nowMs < untilMs) {
      await this.#stage.pause(this.#chance.between(thinkMs));
      const { process } = this.#pod;
      if (process !== undefined) await this.#tryOnce(process, untilMs);
    }
  }

  async #tryOnce(process: Process, untilMs: number): Promise<void> {
    const single = this.#drawRequest();
    const isSet = this.#stage.schedule.sets && this.#setChance.happens(0.5);
    const request = isSet ? this.#asSet(single) : this.#tied(single);
    if (this.#more.happens(0.03)) await this.#force(process, single);
    let at = process;
    let answer = await this.#acquire(at, request);
    for (let again = 0; again < 2 && request.requestId !== undefined; again++) {
      const lost =
        answer.kind === "cut" || (answer.kind === "answered" && answer.value.kind === "unknown");
      if (!lost || this.#chance.happens(0.3)) break;
      await this.#stage.pause(this.#chance.between({ min: 0, max: 500 }));
      if (this.#pod.process === undefined) break;
      at = this.#pod.process;
      answer = await this.#acquire(at, request);
    }
    if (answer.kind === "answered" && answer.value.kind === "granted")
      await this.#hold(at, answer.value.grant, { untilMs });
  }

  #drawRequest(): AcquireRequest {
    const { schedule } = this.#stage;
    const chance = this.#chance;
    const hold = chance.happens(0.2) ? "session" : "ttl";
    this.#requests += 1;
    return {
      pool: chance.oneOf(schedule.pools),
      name: chance.oneOf(schedule.names),
      waitMs: chance.happens(0.3) ? 0 : chance.oneOf([300, 1_000, 3_000, 5_000]),
      ...this.#drawDemand(),
      hold,
      ...(hold === "ttl" && chance.happens(0.5) ? { ttlMs: chance.oneOf(ttlsMs) } : {}),
      ...(chance.happens(0.4) ? { requestId: `${this.name}/${String(this.#requests)}` } : {}),
      holder: this.name,
      ...(schedule.owners && this.#setChance.happens(0.8) ? { owner: this.name } : {}),
    };
  }

  /** Some that would hold by the session hold by their stream. */
  #tied(request: AcquireRequest): AcquireRequest {
    const isTied = request.hold === "session" && request.requestId === undefined;
    return isTied && this.#more.happens(0.5) ? { ...request, hold: "connection" } : request;
  }

  async #force(process: Process, { pool, name }: AcquireRequest): Promise<void> {
    const graceMs = this.#more.oneOf([0, 0, 200, 2_000]);
    const waitMs = this.#more.oneOf([0, 500]);
    await process.forceRelease({ pool, name, graceMs, breakGuarantee: false, waitMs });
  }

  /** Some of all locks, in any order, each wanted in a way of its own. */
  #asSet(request: AcquireRequest): AcquireRequest {
    const { pools, names } = this.#stage.schedule;
    const chance = this.#setChance;
    const all = pools.flatMap((pool) => names.map((name) => ({ pool, name })));
    const locks = [];
    while (all.length > 0 && (locks.length === 0 || chance.happens(0.8))) {
      const [lock] = all.splice(chance.wholeBetween({ min: 0, max: all.length - 1 }), 1);
      if (lock !== undefined) locks.push({ ...lock, ...this.#drawDemand() });
    }
    return asSet(request, locks);
  }

  /** Draws nothing where there is no choice. */
  #drawDemand(): Demand {
    switch (this.#stage.schedule.mode) {
      case "Mutex":
        return forOneself;
      case "ReadWrite":
        return { mode: this.#chance.happens(0.6) ? "shared" : "exclusive", permits: 1 };
      case "Semaphore":
        return { mode: "exclusive", permits: this.#chance.oneOf([1, 1, 2, 3]) };
    }
  }

  async #acquire(process: Process, request: AcquireRequest): Promise<Answer<Acquired>> {
    const chance = this.#chance;
    // Its own life is no longer than its connection: nobody will ever give back what it is told too late.
    if (chance.happens(0.05)) return process.acquire(unheard(request), true).answer;
    const asked = process.acquire(request);
    if (chance.happens(0.1))
      this.#stage.world.in(chance.between({ min: 0, max: 1_000 }), asked.leave);
    // Impatient: asks the same again while the first still waits.
    if (request.requestId !== undefined && chance.happens(0.15)) {
      await this.#stage.pause(chance.between({ min: 0, max: 200 }));
      if (!process.isKilled) return process.acquire(request).answer;
    }
    return asked.answer;
  }

  async #hold(
    process: Process,
    grant: GrantView,
    { untilMs, depth = 0 }: { readonly untilMs: number; readonly depth?: number },
  ): Promise<void> {
    const { world, schedule } = this.#stage;
    const chance = this.#chance;
    const endsMs = Math.min(world.nowMs + chance.between(schedule.holdMs), untilMs);
    if (schedule.owners && depth < depthMax && this.#setChance.happens(0.5)) {
      const more = await this.#acquire(process, this.#drawRequest());
      if (more.kind === "answered" && more.value.kind === "granted")
        await this.#hold(process, more.value.grant, { untilMs, depth: depth + 1 });
    }
    while (world.nowMs < endsMs) {
      await this.#stage.pause(Math.min(chance.between({ min: 5, max: 400 }), endsMs - world.nowMs));
      if (this.#guards(0.3)) await process.writeGuarded(grant);
      if (!(await this.#looksHeld(process, grant))) return;
    }
    // Released, or forgotten, while that is under way.
    while (this.#guards(0.5)) void process.writeGuarded(grant);
    if (chance.happens(0.12)) return;
    await this.#release(process, grant);
  }

  #guards(probability: number): boolean {
    return this.#stage.schedule.guards && this.#guardChance.happens(probability);
  }

  async #looksHeld(process: Process, grant: GrantView): Promise<boolean> {
    const chance = this.#chance;
    if (chance.happens(0.4)) return !process.isKilled;
    const renews = chance.happens(0.5);
    const ttlMs = grant.hold === "ttl" && chance.happens(0.5) ? chance.oneOf(ttlsMs) : undefined;
    const answer = renews
      ? await process.renew(grant.grantId, ttlMs)
      : await process.look(grant.grantId);
    return !(answer.kind === "cut" || (answer.kind === "refused" && answer.code !== "malformed"));
  }

  async #release(process: Process, { grantId, hold }: GrantView): Promise<void> {
    const { history, world } = this.#stage;
    const chance = this.#chance;
    if (chance.happens(0.05)) {
      await process.releaseByHolder(this.name);
      return;
    }
    history.letGo(world.nowMs, ({ id }) => id === grantId);
    if (hold === "connection") {
      await process.hangUp(grantId);
      return;
    }
    for (let times = 0; times < releasesMax; times++) {
      const answer = await process.release(grantId);
      const again = answer.kind === "answered" && answer.value === "unknown";
      if (!again && !chance.happens(0.05)) return;
      await this.#stage.pause(chance.between({ min: 0, max: 1_000 }));
    }
  }

  /** As an app that starts anew: gives back whatever an earlier life of it holds there. */
  async giveBackAll(): Promise<void> {
    for (let times = 0; times < releasesMax; times++) {
      const answer = await this.#pod.process?.releaseByHolder(this.name);
      if (answer?.kind !== "cut") return;
      await this.#stage.pause(500);
    }
  }
}

/** One request for all of them. */
export function asSet(request: AcquireRequest, locks: readonly LockDemand[]): AcquireRequest {
  return { ...request, ...locks[0], locks };
}

function unheard(request: AcquireRequest): AcquireRequest {
  const { pool, name, mode, permits, waitMs, locks } = request;
  return { pool, name, mode, permits, waitMs, hold: "session", locks };
}

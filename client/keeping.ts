/**
 * Keeps a grant: asks for it anew at each third of its guarantee, which also renews its ttl, and tells when it is lost.
 *
 *   held ──▶ lost      the sidecar says so, or the guarantee is over without an answer: for good, whatever is answered later
 *     └────▶ released  by its holder
 *
 * A sidecar that answers nothing says nothing about the lock: so the end of the guarantee is looked for by this side's clock.
 */
import { answerMs, own, type Calls, type SentAt, type Told } from "./calls.ts";
import { answeredMs, durationText, type Duration } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import type { AnyGrant as GrantAnswer } from "./generated/operations.ts";
import { Guarantee } from "./guarantee.ts";
import type { Runtime, Timer } from "./runtime.ts";
import { isOver } from "./settler.ts";

/** Of the guarantee: after each third it is asked for anew. */
const asksEvery = 3;
/** The least between two questions. */
const askMinMs = 20;
/** The timers stand still while the machine sleeps: how long after its end it is noticed. */
const lookMaxMs = 1_000;

/** What was answered about a grant. */
export interface Granted {
  readonly answer: GrantAnswer;
  readonly sent: SentAt;
}

export interface KeepingParts {
  readonly calls: Calls;
  readonly runtime: Runtime;
}

export interface KeepingRules {
  /** Whether its ttl is renewed; else it is only asked how it stands. */
  readonly renews: boolean;
  /** Whether the process is to stay alive for it. */
  readonly keepsAlive: boolean;
  readonly onJeopardy: (error: HoldfastError<"grant_in_jeopardy">) => void;
  readonly onLoss: (error: HoldfastError) => void;
}

export class Keeping {
  readonly grantId: string;
  /** In words: of a set all of them. */
  readonly lock: string;
  readonly #parts: KeepingParts;
  readonly #rules: KeepingRules;
  readonly #guarantee: Guarantee;
  #latest: Granted;
  #loss: HoldfastError | undefined;
  #state: "held" | "lost" | "released" = "held";
  #timer: Timer | undefined;
  /** By the clock. */
  #askAtMs = 0;
  #isAsking = false;
  #wasInJeopardy = false;

  constructor(parts: KeepingParts, granted: Granted, rules: KeepingRules) {
    this.#parts = parts;
    this.#rules = rules;
    this.grantId = granted.answer.grantId;
    this.lock = lockNames(granted.answer);
    this.#latest = granted;
    this.#guarantee = new Guarantee(parts.calls.clock, stated(granted));
    this.#askAtMs = this.#now + this.#thirdMs;
    this.#look();
  }

  get latest(): GrantAnswer {
    return this.#latest.answer;
  }

  get loss(): HoldfastError | undefined {
    this.#judge();
    return this.#loss;
  }

  /** 0: it is not held any more. */
  get guaranteedForMs(): number {
    this.#judge();
    return this.#state === "held" ? this.#guarantee.restMs : 0;
  }

  /** By the clock; undefined: the sidecar does not end it by itself. */
  get expiresAtMs(): number | undefined {
    const { answer, sent } = this.#latest;
    return answer.expiresIn === undefined ? undefined : sent.atMs + answeredMs(answer.expiresIn);
  }

  /** Throws HoldfastError, `grant_lost` where it is over. */
  async renew(ttl: Duration | undefined): Promise<void> {
    this.#judge();
    if (this.#loss !== undefined) throw this.#loss;
    const fields = ttl === undefined ? {} : { ttl: durationText("ttl", ttl) };
    const { calls } = this.#parts;
    const asked = { path: this.#path, fields };
    let told = await calls.ask("renewGrant", asked, own);
    // It may be done twice.
    if (told.kind === "unknown") told = await calls.ask("renewGrant", asked, own);
    this.#take(told);
    this.#look();
    if (told.kind !== "done" && told.kind !== "left") throw told.error;
    if (this.#loss !== undefined) throw this.#loss as Error;
  }

  /** Its holder is done with it. */
  release(): void {
    if (this.#state === "held") this.#state = "released";
    this.#timer?.cancel();
  }

  lose(error: HoldfastError): void {
    if (this.#state !== "held") return;
    this.#state = "lost";
    this.#loss = error;
    this.#timer?.cancel();
    this.#rules.onLoss(error);
  }

  get #now(): number {
    return this.#parts.calls.clock.now();
  }

  /** Of what is left: by the latest answer, where that states less (the ttl was made shorter). */
  get #thirdMs(): number {
    const { sent, guaranteedForMs } = stated(this.#latest);
    const statedMs = sent.atMs + guaranteedForMs - this.#now;
    return Math.max(0, Math.min(this.#guarantee.restMs, statedMs)) / asksEvery;
  }

  get #path(): { readonly grantId: string } {
    return { grantId: this.grantId };
  }

  /** Whether it is still held. */
  #judge(): void {
    if (this.#state !== "held" || this.#guarantee.restMs > 0) return;
    const why = this.#guarantee.hasSlept
      ? "the machine slept, or its clock was set forward"
      : "its guarantee ended, and the sidecar did not confirm it in time (or it was held for as long as the pool allows)";
    const facts = { grantId: this.grantId, reason: this.#guarantee.hasSlept ? "slept" : "lapsed" };
    const message = `The grant of '${this.lock}' is over: ${why}. Somebody else may hold the lock now. Stop what it guarded, and acquire again.`;
    this.lose(new HoldfastError("grant_lost", message, { facts }));
  }

  /** Does what is due, and sets the timer for what is next. */
  #look(): void {
    this.#judge();
    if (this.#state !== "held") return;
    this.#tellJeopardy();
    if (this.#now >= this.#askAtMs) this.#ask();
    const waits = [this.#guarantee.restMs, lookMaxMs];
    if (!this.#guarantee.isInJeopardy) waits.push(this.#guarantee.calmForMs);
    if (!this.#isAsking) waits.push(this.#askAtMs - this.#now);
    const { runtime } = this.#parts;
    const atMs = runtime.now() + Math.max(1, Math.min(...waits));
    this.#timer?.cancel();
    this.#timer = runtime.timer(atMs, () => this.#look(), this.#rules.keepsAlive);
  }

  #tellJeopardy(): void {
    const { isInJeopardy, restMs } = this.#guarantee;
    if (isInJeopardy && !this.#wasInJeopardy) {
      const message = `The grant of '${this.lock}' is in jeopardy: it is guaranteed for ${Math.floor(restMs)} ms more, and could not be confirmed for longer.`;
      const facts = { grantId: this.grantId, guaranteedForMs: restMs };
      this.#rules.onJeopardy(new HoldfastError("grant_in_jeopardy", message, { facts }));
    }
    this.#wasInJeopardy = isInJeopardy;
  }

  #ask(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    const { calls } = this.#parts;
    const patienceMs = Math.min(answerMs, Math.max(this.#thirdMs, askMinMs));
    const manner = { ...own, patienceMs };
    const asked = { path: this.#path, fields: {} };
    const told =
      this.#rules.renews && this.latest.hold === "ttl"
        ? calls.ask("renewGrant", asked, manner)
        : calls.ask("getGrant", asked, manner);
    void told.then((answer) => {
      this.#isAsking = false;
      this.#take(answer);
      this.#look();
    });
  }

  #take(told: Told<GrantAnswer>): void {
    if (told.kind === "done") {
      const granted = { answer: told.value, sent: told.sent };
      this.#guarantee.take(stated(granted));
      if (granted.sent.atMs >= this.#latest.sent.atMs) this.#latest = granted;
    } else if (told.kind === "refused" && isOver(told.error)) this.lose(lossOf(told.error));
    this.#askAtMs = this.#now + Math.max(askMinMs, this.#thirdMs);
  }
}

/** Of one lock, or of all of a set. */
export function lockNames({ lock, locks = [] }: GrantAnswer): string {
  return lock ?? locks.map((one) => one.lock).join("', '");
}

/** A sidecar that never knew the grant is another one, and this grant's is gone. */
function lossOf(error: HoldfastError): HoldfastError {
  if (error.code === "grant_lost") return error;
  const { message, status, facts } = error;
  return new HoldfastError("grant_lost", message, {
    status,
    facts: { ...facts, reason: "notFound" },
    cause: error,
  });
}

function stated({ answer, sent }: Granted) {
  return { sent, guaranteedForMs: answeredMs(answer.guaranteedFor) };
}

/**
 * A cohort's contender in etcd, while it stands: where it is, what hangs on it, and what it tells observers.
 *
 * Its value is rewritten when what it tells has changed, at most once a second: same key, same lease, comparing the create
 * revision, else a late rewrite would bear a contender that nobody owns. It is let go only after a rewrite's outcome.
 */
import { after, type Instant, type Runtime, type Timer } from "../runtime.ts";
import type { Key, Revision, Store } from "../store.ts";
import type { Session } from "../session/session.ts";
import { assert } from "../refusal.ts";
import { encodeContender, type ContenderValue } from "./contender.ts";
import { fenceOf } from "./fence.ts";
import type { Rules } from "./rules.ts";

const rewriteEveryMs = 1_000;

export interface PlaceParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly session: Session;
  readonly key: Key;
  /** No other place of the session has it. */
  readonly counted: string;
  readonly created: Revision;
  readonly value: ContenderValue;
}

export class Place {
  readonly session: Session;
  readonly key: Key;
  readonly created: Revision;
  readonly takenAt: Instant;
  /** Fixed with its first grant. */
  base: bigint | undefined;
  /** It was not alone when it was taken: who is first granted on it may be another than it was written with. */
  waits = false;
  handovers = 0;
  /** Others stand behind it in etcd: since when, and how often it was handed over since. */
  othersSince: Instant | undefined;
  handoversSinceOthers = 0;
  /** Its marker, as it stands, or may; undefined: it has none that goes with it. */
  mark: { readonly key: Key; readonly delayMs: number; readonly stands: boolean } | undefined;
  /** Whether its marker stands, or still goes, or what was guarded on it still comes, is not known: nothing is granted on it any more. */
  isUnsure = false;
  /** Notes that it has left with others, to be removed with it. */
  notes: readonly Key[] = [];
  readonly #parts: PlaceParts;
  #told: ContenderValue;
  #tell: (() => ContenderValue) | undefined;
  #gone: (() => void) | undefined;
  #timer: Timer | undefined;
  #lastRewrite: Instant;
  #rewriting: Promise<void> | undefined;
  /** While it was being rewritten. */
  #hasChanged = false;
  #closed = false;

  constructor(parts: PlaceParts) {
    this.#parts = parts;
    this.session = parts.session;
    this.key = parts.key;
    this.created = parts.created;
    this.#told = parts.value;
    this.takenAt = this.#lastRewrite = parts.runtime.now();
  }

  /** All that goes with it at a clean end, but for its notes. */
  get keys(): readonly Key[] {
    return this.mark === undefined ? [this.key] : [this.key, this.mark.key];
  }

  /** Its marker stays when it goes, so no other of this session may have its key. */
  leaveMark(): void {
    this.mark = undefined;
    this.session.seats.spoil();
  }

  /** Clean: the lock is not used any more, and its place stays. Unknown: the marker may stand. */
  async unmark(): Promise<"unmarked" | "unknown"> {
    if (this.mark === undefined) return "unmarked";
    const then = [{ kind: "delete", key: this.mark.key } as const];
    const outcome = await this.#parts.store.write({ given: [], when: [], then, otherwise: [] });
    if (outcome.kind !== "done") {
      this.session.seats.spoil();
      this.isUnsure = true;
      return "unknown";
    }
    this.mark = undefined;
    return "unmarked";
  }

  /** A note was left with another session. */
  noted(note: Key): void {
    if (!this.notes.includes(note)) this.notes = [...this.notes, note];
  }

  noticeOthers(): void {
    this.othersSince ??= this.#parts.runtime.now();
  }

  /** It holds. Until now nothing was passed on. */
  begins(): void {
    if (this.othersSince !== undefined) this.othersSince = this.#parts.runtime.now();
  }

  get hasOthers(): boolean {
    return this.othersSince !== undefined;
  }

  /** From one local caller to the next. */
  handOver(): void {
    this.handovers += 1;
    if (this.othersSince !== undefined) this.handoversSinceOthers += 1;
  }

  /** Whether it was handed over often or long enough while others stand behind it; `more`: so often more, soon. */
  isOverBudget({ maxCount, maxHoldMs }: Rules["handover"], more = 0): boolean {
    if (this.othersSince === undefined) return false;
    const heldMs = this.#parts.runtime.now() - this.othersSince;
    return this.handoversSinceOthers + more >= maxCount || heldMs >= maxHoldMs;
  }

  get number(): number {
    return Number(this.#parts.counted);
  }

  /** Of the grant that is made on it now. */
  get grantId(): string {
    return `${this.session.id}-${this.#parts.counted}-${String(this.handovers)}`;
  }

  get fence(): bigint {
    assert(this.base !== undefined, "a place without a base was granted on");
    const { isOwn } = this.#parts.value;
    return fenceOf({ base: this.base, handovers: this.handovers, isOwn }, this.created);
  }

  /** Nothing that it tells has changed since it was made. */
  get isAsMade(): boolean {
    return this.#tell === undefined;
  }

  /** What it tells has, or may have, changed. `gone`: told where that shows that it is not in etcd any more. */
  describe(tell: () => ContenderValue, gone: () => void): void {
    this.#tell = tell;
    this.#gone = gone;
    if (this.#rewriting !== undefined) this.#hasChanged = true;
    if (this.#closed || this.#timer !== undefined || this.#rewriting !== undefined) return;
    this.#timer = this.#parts.runtime.timer(after(this.#lastRewrite, rewriteEveryMs), () => {
      this.#timer = undefined;
      this.#rewriting = this.#rewrite().finally(() => {
        this.#rewriting = undefined;
        if (this.#hasChanged) this.#again();
        this.#hasChanged = false;
      });
    });
  }

  /** No rewrite begins from here on. One that is under way is to be waited for. */
  quiet(): Promise<void> | undefined {
    this.#closed = true;
    this.#timer?.cancel();
    return this.#rewriting;
  }

  async #rewrite(): Promise<void> {
    const { runtime, store, session, key, created } = this.#parts;
    const value = this.#tell?.();
    this.#lastRewrite = runtime.now();
    if (
      value === undefined ||
      this.#closed ||
      fingerprint(value) === fingerprint(this.#told) ||
      !session.isAlive()
    )
      return;
    const outcome = await store.write({
      given: [session.holds()],
      when: [{ kind: "created", key, revision: created }],
      then: [{ kind: "putEphemeral", key, lease: session.lease, value: encodeContender(value) }],
      otherwise: [],
    });
    if (outcome.kind === "done" && !outcome.value.held) this.#gone?.();
    else if (outcome.kind === "done") this.#told = value;
    else if (!this.#closed && this.#tell !== undefined) queueMicrotask(() => this.#again());
  }

  #again(): void {
    if (this.#tell !== undefined && this.#gone !== undefined) this.describe(this.#tell, this.#gone);
  }
}

function fingerprint({ base, ...value }: ContenderValue): string {
  return JSON.stringify([value, base.toString()]);
}

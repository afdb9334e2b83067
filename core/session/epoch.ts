/**
 * The epoch of a session: the mod revision of its key. Every write of the session is given it, so a write that carries an
 * old one can never commit again. That is how what is unknown is settled: a read that does not find a key proves nothing
 * (the write may still be on its way); after the epoch was raised past the one that the write carried, it proves all.
 *
 * Writes: the session key, under "it still has the mod revision I know", with a random word.
 * Lost answer: the same again. Whichever won is read from the else-part: my word = it was mine; another = a twin of this
 * process lives (a cloned machine), and the session ends. It commits at most once a revision and can make no deleted key anew.
 */
import { encodeJson, decodeJson } from "../json.ts";
import type { Outcome } from "../outcome.ts";
import { assert } from "../refusal.ts";
import { after, sleep, type Instant, type Runtime } from "../runtime.ts";
import type { Fact, Key, LeaseId, Revision, Store, WriteResult } from "../store.ts";

const spacingMinMs = 50;
const spacingMaxMs = 2_000;
/** After so long without a raise, the next one need not keep its distance. */
const calmMs = 10_000;

export interface EpochParts {
  readonly runtime: Runtime;
  readonly store: Store;
  readonly key: Key;
  readonly lease: LeaseId;
  /** What stands in the session key beside the word. */
  readonly about: Readonly<Record<string, unknown>>;
  /** Aborts when the session ended. */
  readonly ended: AbortSignal;
  /** Ends the session. */
  readonly end: (reason: string) => void;
}

export class Epoch {
  readonly #parts: EpochParts;
  #revision: Revision;
  #fact: Fact;
  #raising: Promise<void> | undefined;
  #spacingMs = spacingMinMs;
  #lastRaise: Instant;
  #raises = 0;

  constructor(parts: EpochParts, revision: Revision) {
    this.#parts = parts;
    this.#revision = revision;
    this.#fact = this.#factNow();
    this.#lastRaise = after(parts.runtime.now(), -calmMs);
  }

  get revision(): Revision {
    return this.#revision;
  }

  get raises(): number {
    return this.#raises;
  }

  /** True as long as the session stands and has not raised its epoch. The same object until then: see {@link Fact}. */
  fact(): Fact {
    return this.#fact;
  }

  /**
   * Resolves when nothing that was given `revision` can commit any more. One raise serves all who wait.
   * @throws the reason of the session's end
   */
  async beyond(revision: Revision): Promise<void> {
    while (this.#revision <= revision) {
      this.#raising ??= this.#raise().finally(() => (this.#raising = undefined));
      await this.#raising;
    }
  }

  #factNow(): Fact {
    return { kind: "modified", key: this.#parts.key, revision: this.#revision };
  }

  async #raise(): Promise<void> {
    const { runtime, ended } = this.#parts;
    const word = runtime.randomId(8);
    for (;;) {
      await this.#keepDistance();
      ended.throwIfAborted();
      const outcome = await this.#put(word);
      ended.throwIfAborted();
      const raised = this.#raisedBy(outcome, word);
      if (raised !== undefined) {
        assert(
          raised > this.#revision,
          "an epoch was raised to a revision that is not above the old one",
        );
        this.#revision = raised;
        this.#fact = this.#factNow();
        this.#raises += 1;
        return;
      }
      ended.throwIfAborted();
    }
  }

  async #keepDistance(): Promise<void> {
    const { runtime, ended } = this.#parts;
    const sinceMs = runtime.now() - this.#lastRaise;
    if (sinceMs >= calmMs) this.#spacingMs = spacingMinMs;
    else {
      if (sinceMs < this.#spacingMs) await sleep(runtime, this.#spacingMs - sinceMs, ended);
      this.#spacingMs = Math.min(spacingMaxMs, this.#spacingMs * 2);
    }
    this.#lastRaise = runtime.now();
  }

  #put(word: string): Promise<Outcome<WriteResult>> {
    const { store, key, lease, about } = this.#parts;
    return store.write({
      given: [],
      when: [{ kind: "modified", key, revision: this.#revision }],
      then: [{ kind: "putEphemeral", key, lease, value: encodeJson({ ...about, word }) }],
      otherwise: [{ kind: "list", range: { key } }],
      alone: true,
    });
  }

  /** The new epoch where this or an earlier try won; undefined: try again, or the session was ended. */
  #raisedBy(outcome: Outcome<WriteResult>, word: string): Revision | undefined {
    const { runtime, end } = this.#parts;
    switch (outcome.kind) {
      case "done": {
        if (outcome.value.held) return outcome.at.revision;
        const listed = outcome.value.results[0];
        assert(listed?.kind === "listed", "an epoch's else-part was not answered with a list");
        const there = listed.result.keys[0];
        if (there === undefined) end("its key is gone from etcd");
        else if (decodeJson(there.value)?.["word"] === word) return there.modRevision;
        else end("another process writes its key (was this machine cloned?)");
        return undefined;
      }
      case "refused":
        if (outcome.reason.code === "leaseNotFound") end("its lease is gone");
        else runtime.log.warn("etcd refuses the session's epoch", { reason: outcome.reason.code });
        return undefined;
      case "unknown":
        return undefined;
      default:
        return outcome satisfies never;
    }
  }
}

/** What a network and a server may do to a call, and how often. */
import type { StoreRefusal } from "#core/outcome.ts";
import type { Bounds, Chance } from "../world/chance.ts";

export type Fate =
  | "answered"
  /** No connection: the client knows that nothing was sent. */
  | "notSent"
  | "requestLost"
  /** It takes effect; nobody hears of it. */
  | "answerLost"
  /** The server gives up waiting and says so; the request lies in its log and takes effect later. */
  | "timedOutThenDone"
  /** The same words, and it never takes effect. */
  | "timedOutNotDone"
  /** The client sees its connection end; the request has taken effect. */
  | "connectionLost"
  | "overloaded"
  | { readonly refused: StoreRefusal };

export interface Weather {
  readonly requestMs: Bounds;
  readonly answerMs: Bounds;
  readonly eventMs: Bounds;
  /** How long after "timed out" a request takes effect. */
  readonly lateMs: Bounds;
  /** How often a call meets each fate, of 1. */
  readonly odds: Readonly<Partial<Record<Extract<Fate, string>, number>>>;
  /** How often a change makes its watch fall silent (progress goes on), of 1, and for how long. */
  readonly watchHeld: number;
  readonly watchHeldMs: Bounds;
}

export const calm: Weather = {
  requestMs: { min: 0.2, max: 2 },
  answerMs: { min: 0.2, max: 2 },
  eventMs: { min: 0.1, max: 3 },
  lateMs: { min: 1, max: 6_000 },
  odds: {},
  watchHeld: 0,
  watchHeldMs: { min: 0, max: 0 },
};

export const rough: Weather = {
  requestMs: { min: 0.2, max: 40 },
  answerMs: { min: 0.2, max: 40 },
  eventMs: { min: 0.1, max: 200 },
  lateMs: { min: 1, max: 6_000 },
  odds: {
    notSent: 0.01,
    requestLost: 0.01,
    answerLost: 0.02,
    timedOutThenDone: 0.02,
    timedOutNotDone: 0.01,
    connectionLost: 0.01,
    overloaded: 0.01,
  },
  watchHeld: 0.01,
  watchHeldMs: { min: 100, max: 9_000 },
};

export function drawFate(odds: Weather["odds"], chance: Chance): Fate {
  let rest = chance.fraction();
  for (const [fate, share] of Object.entries(odds)) {
    rest -= share;
    if (rest < 0) return fate as Fate;
  }
  return "answered";
}

/** One round by the typed client: a lock is used, and what the client says of its guarantee is written down as it goes. */
import { setTimeout as sleep } from "node:timers/promises";
import { HoldfastError } from "#client/holdfast.ts";
import type { AcquireOptions, Grant } from "#client/holdfast.ts";
import { nowNs } from "../history/recorder.ts";
import type { Ask, Desk } from "./desk.ts";

const looksEveryMs = 150;

export interface TypedRound {
  readonly work: string;
  /** Without those that the client does not take: sets are asked for by bare HTTP. */
  readonly ask: Ask & { readonly hold?: "ttl" | "session"; readonly beside?: never };
  readonly holdMs: number;
  /** The caller leaves after so long. */
  readonly leavesAfterMs?: number;
}

export async function typedRound(
  desk: Desk,
  { work, ask, holdMs, leavesAfterMs }: TypedRound,
): Promise<void> {
  const op = desk.newOp();
  const leave = leavesAfterMs === undefined ? undefined : AbortSignal.timeout(leavesAfterMs);
  const [pool = "", name = ""] = ask.lock.split("/");
  const state = { granted: false };
  desk.asked(op, ask, { work });
  try {
    await desk.client.locks(pool).using(name, optionsOf(op, ask, leave), async (grant, signal) => {
      state.granted = tellGrant(desk, op, grant);
      await hold(desk, { op, grant, signal, holdMs });
      desk.record.write({ kind: "releasing", op });
    });
    desk.record.write({ kind: "released", op });
  } catch (error) {
    if (leave?.aborted === true && error === leave.reason) desk.record.write({ kind: "left", op });
    else tellFailure(desk, op, { error, granted: state.granted });
  }
}

function optionsOf(
  op: string,
  ask: TypedRound["ask"],
  signal: AbortSignal | undefined,
): AcquireOptions {
  const { waitMs, ttlMs, hold, mode, permits, holder = op } = ask;
  return { wait: waitMs, ttl: ttlMs, hold, mode, permits, holder, signal };
}

function tellGrant(desk: Desk, op: string, grant: Grant): boolean {
  // First the moment, then the rest: a process that stands still in between has said too little, not too much.
  const sentNs = nowNs();
  const guaranteedUntilNs = sentNs + grant.guaranteedForMs * 1e6;
  const { grantId, fence } = grant;
  desk.record.write({ kind: "granted", op, grantId, fence, sentNs, guaranteedUntilNs });
  return true;
}

interface Holding {
  readonly op: string;
  readonly grant: Grant;
  readonly signal: AbortSignal;
  readonly holdMs: number;
}

async function hold(desk: Desk, { op, grant, signal, holdMs }: Holding): Promise<void> {
  const until = performance.now() + holdMs;
  const ends = AbortSignal.any([signal, desk.stopping]);
  for (;;) {
    const restMs = until - performance.now();
    if (restMs <= 0 || ends.aborted) break;
    await sleep(Math.min(restMs, looksEveryMs), undefined, { signal: ends }).catch(
      (error: unknown) => {
        if (!ends.aborted) throw error;
      },
    );
    const sentNs = nowNs();
    const forMs = grant.guaranteedForMs;
    if (forMs <= 0) break;
    desk.record.write({ kind: "stated", op, sentNs, guaranteedUntilNs: sentNs + forMs * 1e6 });
  }
  const { loss } = grant;
  if (loss !== undefined)
    desk.record.write({ kind: "lost", op, why: `${loss.code}: ${loss.message}` });
}

/** Codes after which a request may have been granted all the same. */
const unknowns = new Set(["outcome_unknown", "internal", "unexpected_answer"]);

function tellFailure(
  { record }: Desk,
  op: string,
  { error, granted }: { readonly error: unknown; readonly granted: boolean },
): void {
  if (!HoldfastError.is(error)) throw error;
  const { code } = error;
  if (granted) record.write({ kind: "releaseFailed", op, why: code });
  else if (HoldfastError.is(error, "lock_held"))
    record.write({ kind: "held", op, holderPod: error.facts.pod });
  else if (unknowns.has(code)) record.write({ kind: "unknown", op, why: code });
  else record.write({ kind: "refused", op, code });
}

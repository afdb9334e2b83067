/**
 * Who holds a lock, as it changes: for followers of a leader. The stream is opened anew where it breaks; until it tells again,
 * nothing is known, and that is told, too.
 */
import { backoffMs } from "./backoff.ts";
import { closed, HoldfastError } from "./error.ts";
import type { Holder, LostHolder } from "./generated/operations.ts";
import type { Office } from "./office.ts";
import { abortSignal, type KindsOf } from "./options.ts";
import { pause } from "./runtime.ts";
import { isPassing } from "./settler.ts";

export type LockEvent =
  /** Who holds the lock now: of a Mutex one, else all that do, in order. */
  | ({ readonly kind: "holder"; readonly holders: readonly Holder[] } & Kept)
  /** Nobody holds it. */
  | ({ readonly kind: "vacant" } & Kept)
  /** The sidecar, or etcd, does not answer: what was told last may be over. */
  | { readonly kind: "unseen" };

interface Kept {
  /** Holders that were lost, and for whose sake the next waits (the pool's lockDelay). Absent: none. */
  readonly lost?: readonly LostHolder[];
}

export interface EventsOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
}

export const eventsKinds: KindsOf<EventsOptions> = { signal: abortSignal };

interface Watched {
  readonly path: { readonly pool: string; readonly name: string };
  readonly signal: AbortSignal;
}

/** @throws HoldfastError where the lock can not be watched, such as `pool_not_found` */
export async function* watchLock(
  office: Office,
  { path, signal }: Watched,
): AsyncGenerator<LockEvent, void> {
  let tries = 0;
  let isSeen = true;
  while (!signal.aborted) {
    try {
      for await (const { event, data } of office.calls.stream(
        "watchLock",
        { path, fields: {} },
        signal,
      )) {
        const told = lockEvent(event, data);
        if (told === undefined) break;
        tries = 0;
        isSeen = told.kind !== "unseen";
        yield told;
      }
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
    if (signal.aborted) break;
    if (isSeen) yield { kind: "unseen" };
    isSeen = false;
    await pause(office.runtime, backoffMs(office.runtime, tries), { signal });
    tries += 1;
  }
  if (office.isClosed) throw closed();
}

/** undefined: none that is known here; the stream ends. */
function lockEvent(event: string, data: Readonly<Record<string, unknown>>): LockEvent | undefined {
  const { lost } = data as Kept;
  const kept = lost === undefined ? {} : { lost };
  switch (event) {
    case "holder":
      return { kind: "holder", holders: data["holders"] as readonly Holder[], ...kept };
    case "vacant":
      return { kind: "vacant", ...kept };
    case "unseen":
      return { kind: event };
    default:
      return undefined;
  }
}

/** Sidecars restart, and connections break. */
export function mayPass(error: unknown): boolean {
  if (!HoldfastError.is(error)) return error instanceof Error && "code" in error;
  return (
    isPassing(error) || error.code === "sidecar_unreachable" || error.code === "outcome_unknown"
  );
}

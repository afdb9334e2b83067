/**
 * How long a session may be believed in. The server counts the lease from *receiving* a keepalive, the session from
 * *sending* it, less a margin: so the session always ends here before it ends there.
 *
 * The monotonic clock stands still while a machine is suspended and the lease does not. So the wall clock is held
 * against it: where that one ran ahead by more than half the margin since the last beat was sent, the machine slept, and the
 * session is lost. (A pause that a hypervisor hides from both clocks is covered by the fence alone.)
 */
import { after, type Epoch, type Instant, type Runtime } from "../runtime.ts";

/** One answered keepalive, as it was sent. */
export interface SentBeat {
  readonly sentAt: Instant;
  /** The wall clock minus the monotonic one, at about that time. */
  readonly wallAheadMs: number;
  readonly ttlMs: number;
}

export function marginMs(ttlMs: number): number {
  return Math.max(500, ttlMs / 10);
}

export function deadlineOf(beat: SentBeat): Instant {
  return after(beat.sentAt, beat.ttlMs - marginMs(beat.ttlMs));
}

/** Half of the time has passed without an answer. */
export function jeopardyOf(beat: SentBeat): Instant {
  return after(beat.sentAt, beat.ttlMs / 2);
}

export function wallAheadMs(runtime: Runtime): number {
  const wall: Epoch = runtime.wallNow();
  return wall - runtime.now();
}

/**
 * Whether the machine slept since the beat for longer than half of the margin. A sleep that is let pass eats of the margin,
 * and the other half is for clocks that go at unlike rates.
 */
export function slept(beat: SentBeat, wallAheadNowMs: number): boolean {
  return wallAheadNowMs - beat.wallAheadMs > marginMs(beat.ttlMs) / 2;
}

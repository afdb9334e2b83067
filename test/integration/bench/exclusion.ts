/** Callers that take one lock again and again, at once: never two inside. */
import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { PeerLocker } from "#bench/clients/peer.ts";

export interface Contention {
  /** Of each caller. */
  readonly pairs: number;
  /** What a service without waiting says to who comes too early, who then comes again. */
  readonly refusal?: RegExp;
}

export async function excludesAll(
  lockers: readonly PeerLocker[],
  { pairs, refusal }: Contention,
): Promise<void> {
  let inside = 0;
  const taken = async (locker: PeerLocker): Promise<string> => {
    for (;;) {
      try {
        return await locker.take();
      } catch (error) {
        if (refusal?.test(String(error)) !== true) throw error;
        await nextTurn();
      }
    }
  };
  const call = async (locker: PeerLocker): Promise<void> => {
    for (let left = pairs; left > 0; left--) {
      const held = await taken(locker);
      inside += 1;
      assert.equal(inside, 1);
      await nextTurn();
      inside -= 1;
      await locker.give(held);
    }
  };
  await Promise.all(lockers.map(call));
}

/** Takes the lock and gives it back. */
export async function pair(locker: PeerLocker): Promise<void> {
  await locker.give(await locker.take());
}

/** How long to wait before something is tried again: twice as long each time, and never two clients in step. */
import type { Runtime } from "./runtime.ts";

const firstMs = 50;
const longestMs = 2_000;
const doublingsMax = 10;

/** `tries`: how often it has failed. */
export function backoffMs(runtime: Runtime, tries: number): number {
  const ms = Math.min(longestMs, firstMs * 2 ** Math.min(tries, doublingsMax));
  return ms * (0.5 + runtime.random() / 2);
}

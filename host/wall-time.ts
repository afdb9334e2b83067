/** Wall-clock times as texts, for what may not ask a clock. */

/** A `MicroTime` of Kubernetes: six digits behind the second, always; a Lease with any other number of them is refused. */
export function microTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, -1)}000Z`;
}

/** A `Time` of Kubernetes, as most objects have it: whole seconds. */
export function secondTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, -5)}Z`;
}

/** Whatever a sidecar shows of a lock could be so: no two holders that exclude each other. */
import type { History, Look } from "../history/history.ts";
import { ms, type Violation } from "./violation.ts";

export function views({ looks }: History): Violation[] {
  return looks
    .filter((look) => !isPossible(look))
    .map(({ lock, pod, atMs, holders }) => ({
      rule: "views",
      atMs,
      ops: holders.map(({ holder }) => holder),
      what: `${lock}: ${pod} showed at ${ms(atMs)} that it is held by ${holders.map(({ holder }) => holder).join(" and ")}`,
    }));
}

function isPossible({ sharing, holders }: Look): boolean {
  switch (sharing.mode) {
    case "Mutex":
      return holders.length <= 1;
    case "ReadWrite":
      return holders.length <= 1 || holders.every(({ mode }) => mode === "shared");
    case "Semaphore":
      return holders.reduce((sum, { permits }) => sum + permits, 0) <= sharing.permits;
  }
}

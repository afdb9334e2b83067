/** What an app of a run is told by its environment, and how it is called. */

export interface AppPlan {
  /** This life of it, like `pod-a/2`. */
  readonly life: string;
  readonly pod: string;
  /** Host and port of its own sidecar's API. */
  readonly sidecar: string;
  /** All sidecars of the run, its own among them, by their pods. */
  readonly sidecars: Readonly<Record<string, string>>;
  /** Where its records go. */
  readonly folder: string;
  readonly seed: string;
  /** Names of works; absent: all. */
  readonly works?: readonly string[];
}

export const planVariable = "FAULTS_APP";

/** Under which an app holds what a later life of it gives back. */
export function holderOf(pod: string): string {
  return `app-of-${pod}`;
}

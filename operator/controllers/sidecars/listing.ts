/**
 * All namespaces together, as the Backend's status and the metrics show them. Both are bounded: a status is one object, and
 * series cost whoever keeps them. What is left out is counted.
 */
import { sidecarNamesMax, sidecarsListedMax, type BackendStatus } from "#api/resources/backend.ts";
import type { Sample } from "#host/metrics.ts";
import type { FindingReason } from "../../injection/reasons.ts";
import { findingReasons, type Tally } from "./decide.ts";

export type SidecarsStatus = NonNullable<BackendStatus["sidecars"]>;

/** Of namespaces in metrics; those with the fewest pods are added up under no name. */
const seriesNamespacesMax = 200;

interface Row {
  readonly namespace: string;
  readonly reason: FindingReason;
  readonly names: readonly string[];
}

export class Listing {
  /** Without namespaces of which there is nothing to say. */
  readonly #tallies = new Map<string, Tally>();

  set(namespace: string, tally: Tally): void {
    const isEmpty = tally.injected === 0 && findingReasons.every((one) => !tally.found[one].length);
    if (isEmpty) this.#tallies.delete(namespace);
    else this.#tallies.set(namespace, tally);
  }

  get injected(): number {
    return [...this.#tallies.values()].reduce((sum, { injected }) => sum + injected, 0);
  }

  status(): SidecarsStatus {
    const rows = this.#rows();
    const pods = (reason: FindingReason) =>
      rows.filter((row) => row.reason === reason).reduce((sum, { names }) => sum + names.length, 0);
    const listed = rows.slice(0, sidecarsListedMax);
    return {
      injected: this.injected,
      missing: pods("Missing"),
      oldVersion: pods("OldVersion"),
      oldTemplate: pods("OldTemplate"),
      ...(listed.length > 0 && {
        list: listed.map(({ namespace, reason, names }) => ({
          ...{ namespace, reason, pods: names.length, names: names.slice(0, sidecarNamesMax) },
        })),
      }),
      ...(listed.length < rows.length && { unlisted: rows.length - listed.length }),
    };
  }

  /** Of namespace and reason. */
  samples(): Sample[] {
    return findingReasons.flatMap((reason) => {
      const rows = this.#rows().filter((row) => row.reason === reason);
      const named = rows.slice(0, seriesNamespacesMax);
      const rest = rows
        .slice(seriesNamespacesMax)
        .reduce((sum, { names }) => sum + names.length, 0);
      return [
        ...named.map(({ namespace, names }) => ({
          labels: [namespace, reason],
          value: names.length,
        })),
        ...(rest > 0 ? [{ labels: ["", reason], value: rest }] : []),
      ];
    });
  }

  /** The worst first, then where there are most. */
  #rows(): Row[] {
    const rows = [...this.#tallies].flatMap(([namespace, { found }]) =>
      findingReasons.flatMap((reason) => {
        const names = found[reason];
        return names.length === 0 ? [] : [{ namespace, reason, names }];
      }),
    );
    const rank = ({ reason }: Row) => findingReasons.indexOf(reason);
    return rows.sort(
      (a, b) =>
        rank(a) - rank(b) ||
        b.names.length - a.names.length ||
        (a.namespace < b.namespace ? -1 : 1),
    );
  }
}

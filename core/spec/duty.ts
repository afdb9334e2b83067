/**
 * What whoever owns the spec tree (the operator; in standalone mode the sidecar) owes the fence base: when it is raised, whose
 * tree is left alone, and when `anew` is taken away.
 *
 * `anew` in a namespace's data says that somebody saw etcd begin anew: the base is raised, and only then the key deleted. An
 * etcd that began anew has forgotten who holds; what holders were told by their sessions runs out within a session's ttl, and
 * until then nothing is granted again.
 */
import type { Instant } from "../runtime.ts";
import type { KeyValue, Write } from "../store.ts";
import { installationKey } from "./keys.ts";
import { readInstallation } from "./records.ts";

export type BaseDuty =
  /** The tree is not ours. `owner` undefined: the record is none that this version understands. */
  | { readonly kind: "foreign"; readonly owner: string | undefined }
  | { readonly kind: "stands" }
  /** The base is to be raised, since etcd is not what it was. */
  | { readonly kind: "begunAnew" };

export interface BaseSeen {
  /** What stands in the installation's key. */
  readonly there: KeyValue | undefined;
  readonly owner: string;
  /** The id of the cluster that told so. */
  readonly cluster: string;
  /** Of all bases that the owner ever saw. */
  readonly highestBase: bigint;
  /** Whether `anew` stands anywhere. */
  readonly anew: boolean;
}

export function judgeBase({ there, owner, cluster, highestBase, anew }: BaseSeen): BaseDuty {
  const installation = readInstallation(there);
  if (there !== undefined && installation === undefined)
    return { kind: "foreign", owner: undefined };
  if (installation !== undefined && installation.owner !== owner)
    return { kind: "foreign", owner: installation.owner };
  const isAsItWas = installation?.cluster === cluster && installation.base >= highestBase;
  return { kind: isAsItWas && !anew ? "stands" : "begunAnew" };
}

/** `anewSince`: since when the owner knows that etcd began anew; undefined: it did not. */
export function oldGuaranteesAreOver(
  anewSince: Instant | undefined,
  { now, sessionTtlMs }: { readonly now: Instant; readonly sessionTtlMs: number },
): boolean {
  return anewSince === undefined || now >= anewSince + sessionTtlMs;
}

/** After the base was raised: grants may be given again, as far as this one knows. */
export function clearingAnew(anew: KeyValue): Write {
  return {
    given: [],
    when: [{ kind: "modified", key: anew.key, revision: anew.modRevision }],
    then: [{ kind: "delete", key: anew.key }],
    otherwise: [],
  };
}

/** What to say of a record in the installation's key that cannot be read. */
export const strangeInstallation = `the record ${installationKey} is not one that this version understands: it may be newer, or another's`;

/**
 * The fence base. A fence is (base + create revision) x 2^16 + hand-overs, and must grow also when etcd begins anew and
 * revisions go back. So whoever owns the spec tree sets the base such that base + revision starts at the wall clock, in units
 * of 0.1 ms: an etcd would need 10,000 revisions a second all its life to outrun the next beginning.
 *
 * Raised, always under a compare: when it is missing; when its cluster is another; when the revision is below the highest
 * seen; at each start of the owner (a snapshot may have been restored unseen). A raise too many costs one repeated acquire.
 */
import { encodeInstallation, readInstallation, type Installation } from "./records.ts";
import { installationKey } from "./keys.ts";
import type { Epoch } from "../runtime.ts";
import { noRevision, type KeyValue, type Revision, type Write } from "../store.ts";

export interface BaseInputs {
  readonly wallNow: Epoch;
  /** The highest that stands or was ever seen. Undefined: there is none yet. */
  readonly old: bigint | undefined;
  /** The highest revision that the owner ever saw, over all beginnings. */
  readonly highest: Revision;
  /** Etcd's revision now. */
  readonly revision: Revision;
}

/** base + revision becomes the larger of now and everything that can have been handed out before. */
export function nextBase({ wallNow, old, highest, revision }: BaseInputs): bigint {
  const now = BigInt(Math.floor(wallNow)) * 10n;
  const above = highest > revision ? highest : revision;
  const handedOut = old === undefined ? 0n : old + above + 1n;
  return (now > handedOut ? now : handedOut) - revision;
}

/** The write that raises the base, as judged by what stands in the installation's key at `revision`. */
export function raiseBase(
  there: KeyValue | undefined,
  owner: string,
  at: {
    readonly cluster: string;
    readonly revision: Revision;
    readonly highest: Revision;
    /** Of all bases that the owner ever saw; 0: it saw none. */
    readonly highestBase: bigint;
    readonly wallNow: Epoch;
  },
): { readonly write: Write; readonly installation: Omit<Installation, "modRevision"> } {
  const standing = readInstallation(there)?.base ?? 0n;
  const highest = standing > at.highestBase ? standing : at.highestBase;
  const base = nextBase({ ...at, old: highest === 0n ? undefined : highest });
  const installation = { owner, base, cluster: at.cluster };
  return {
    installation,
    write: {
      given: [],
      when: [
        { kind: "modified", key: installationKey, revision: there?.modRevision ?? noRevision },
      ],
      then: [{ kind: "putDurable", key: installationKey, value: encodeInstallation(installation) }],
      otherwise: [],
    },
  };
}

/**
 * From what is seen of the etcd that the operator runs to what is to be written. Pure but for the certificates, whose keys
 * are made by chance: `issue` is handed in.
 *
 * What stands as it ought to is not in the plan: a second pass writes nothing.
 */
import {
  etcdObjects,
  trustAnnotation,
  trustKey,
  type ManagedSpec,
  type Storage,
} from "../../objects/etcd.ts";
import type { EtcdPod } from "../../objects/etcd-pod.ts";
import {
  etcdNames,
  labelsOf,
  peerHosts,
  serverHosts,
  type Installation,
} from "../../objects/installation.ts";
import { quantityOf } from "../../objects/quantities.ts";
import { markOf, stands, type Wanted } from "../../objects/wanted.ts";
import type { Standing } from "../../etcd-admin/standing.ts";
import { issueFor, whyDue, type CertificateFor } from "../../identity/kept-certificate.ts";
import type { Authority } from "../../identity/x509/certificate.ts";
import { recordOf } from "../../kube/errors.ts";
import { podResource, type KubeObject, type Resource } from "../../kube/objects.ts";
import { dataOf, secrets, textsIn } from "../../kube/secrets.ts";
import { statefulSets } from "./resources.ts";

/** An authority, and what is to be trusted of it: PEM. */
export interface Held {
  readonly authority: Authority;
  readonly bundle: string;
}

export interface Authorities {
  readonly operator: Held;
  readonly clients: Held;
  readonly peers: Held;
}

export interface Seen {
  readonly spec: ManagedSpec;
  readonly installation: Installation;
  readonly image: string;
  readonly pod: EtcdPod;
  readonly authorities: Authorities;
  /** Ours, by watches; undefined: it is not there. */
  readonly object: (resource: Resource, name: string) => KubeObject | undefined;
  /** Undefined: etcd does not say. */
  readonly standing: Standing | undefined;
  /** The incarnation in which all namespaces that need a user were seen to have one. */
  readonly usersStandIn: string | undefined;
  readonly nowMs: number;
}

export interface Plan {
  /** In this order: what is mounted comes before what mounts it. */
  readonly writes: readonly Wanted[];
  readonly hurry: Hurry | undefined;
  /** Users have to be switched on, in this incarnation. */
  readonly switchUsersOn: boolean;
  /** Whether the etcd that runs takes sidecars, or will after the restart that is planned. */
  readonly trusted: boolean;
  /** What stands, where the spec says something else. */
  readonly storage: Storage;
  /** It in words, where it is not what the spec says. */
  readonly storageKept: string | undefined;
}

/**
 * A pod whose template does not name what is trusted, and whose kubelet would look at the Secret once in a minute or two:
 * any change of the pod makes it look at once.
 */
export interface Hurry {
  readonly pod: KubeObject;
  readonly mark: string;
}

/** Of etcd's own certificates, and of the admin's. */
const lifeMs = 365 * 86_400_000;

export function decide(seen: Seen): Plan {
  const { installation, image, pod, spec } = seen;
  const clientsOf = decideClientsOf(seen);
  const trust = trustOf(seen, clientsOf);
  const { storage, kept } = claimedStorage(seen);
  const wanted = [
    ...certificateSecrets(seen),
    trustSecret(seen, trust),
    ...etcdObjects({ ...spec, storage }, { installation, image, pod, trustMark: trust.mark }),
  ];
  const { standing } = seen;
  const writes = wanted.filter((one) => {
    const there = seen.object(one.resource, one.name);
    return there === undefined || !stands(there, one);
  });
  return {
    writes,
    hurry: storage.ephemeral && writes.length === 0 ? hurryOf(seen, trust) : undefined,
    switchUsersOn: standing?.usersOn === false,
    trusted: standing !== undefined && standing.incarnation === clientsOf,
    storage,
    storageKept: kept,
  };
}

/** Only when our own watch has shown the Secret: the kubelet's, which it looks at then, has likely shown it as well. */
function hurryOf({ object, installation }: Seen, { mark }: Trust): Hurry | undefined {
  const pod = object(podResource, `${etcdNames(installation).statefulSet}-0`);
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined;
  return pod.metadata.annotations?.[trustAnnotation] === mark ? undefined : { pod, mark };
}

/**
 * Whose clients are trusted: the incarnation that is prepared; else whoever was before, so that an etcd that does not answer
 * just now is not restarted, and one whose data is lost stays closed.
 */
export function decideClientsOf({ standing, usersStandIn, ...seen }: Seen): string {
  const isPrepared =
    standing?.usersOn === true && standing.hasBase && usersStandIn === standing.incarnation;
  return isPrepared ? standing.incarnation : (entriesIn(seen, trustName(seen))["clients-of"] ?? "");
}

interface Trust {
  readonly entries: Readonly<Record<string, string>>;
  /** Of all that a member reads only once. */
  readonly mark: string;
}

function trustOf({ authorities }: Seen, clientsOf: string): Trust {
  const { operator, clients, peers } = authorities;
  const entries = {
    "operator.crt": operator.bundle,
    "clients.crt": clientsOf === "" ? "" : clients.bundle,
    "clients-of": clientsOf,
  };
  return { entries, mark: markOf({ ...entries, peers: peers.bundle }) };
}

const trustName = ({ installation }: Pick<Seen, "installation">): string =>
  etcdNames(installation).trustSecret;

/** With the key that the pods of now need, too: one that is made again before the set is written must find it. */
function trustSecret(seen: Seen, { entries, mark }: Trust): Wanted {
  const kept = mountedTrustKeys(seen).map((key) => [key, ""]);
  const versions = Object.fromEntries([...kept, [trustKey(mark), ""]]) as Record<string, string>;
  return secret(seen, trustName(seen), { type: "Opaque", entries: { ...entries, ...versions } });
}

function mountedTrustKeys(seen: Seen): readonly string[] {
  const set = seen.object(statefulSets, etcdNames(seen.installation).statefulSet);
  const template = recordOf(recordOf(recordOf(set?.["spec"])["template"])["spec"]);
  const keys = listOf(template["volumes"]).flatMap((volume) =>
    listOf(recordOf(volume["secret"])["items"]).map(({ key }) => key),
  );
  return keys.filter(
    (key): key is string => typeof key === "string" && key.startsWith(trustKey("")),
  );
}

const listOf = (value: unknown): readonly Readonly<Record<string, unknown>>[] =>
  Array.isArray(value) ? value.map(recordOf) : [];

function certificateSecrets(seen: Seen): readonly Wanted[] {
  const { installation, authorities } = seen;
  const names = etcdNames(installation);
  const { operator, clients, peers } = authorities;
  const subject = { name: names.service };
  const all: readonly CertificateSecret[] = [
    {
      ...{ name: names.serverSecret, by: clients.authority, trusted: clients.bundle },
      wanted: { subject, uses: ["server"], hosts: serverHosts(installation), lifeMs },
    },
    {
      ...{ name: names.peerSecret, by: peers.authority, trusted: peers.bundle },
      wanted: { subject, uses: ["server", "client"], hosts: peerHosts(installation), lifeMs },
    },
    {
      ...{ name: names.adminSecret, by: operator.authority, trusted: clients.bundle },
      wanted: { subject: { name: "root" }, uses: ["client"], hosts: [], lifeMs },
    },
  ];
  return all.map((one) => certificateSecret(seen, one));
}

interface CertificateSecret {
  readonly name: string;
  readonly by: Authority;
  readonly wanted: CertificateFor;
  readonly trusted: string;
}

/** The certificate that lies there, as long as it does. */
function certificateSecret(seen: Seen, { name, by, wanted, trusted }: CertificateSecret): Wanted {
  const { nowMs } = seen;
  const { "tls.crt": certificate, "tls.key": key } = entriesIn(seen, name);
  const due = whyDue({ ...(certificate && { certificate }), ...(key && { key }) }, by, {
    ...wanted,
    nowMs,
  });
  const kept =
    due === undefined && certificate !== undefined && key !== undefined
      ? { certificate, key }
      : issueFor(by, { ...wanted, nowMs });
  return secret(seen, name, {
    type: "kubernetes.io/tls",
    entries: { "tls.crt": kept.certificate, "tls.key": kept.key, "ca.crt": trusted },
  });
}

function secret(
  { installation }: Seen,
  name: string,
  { type, entries }: { readonly type: string; readonly entries: Readonly<Record<string, string>> },
): Wanted {
  const fields = { type, data: dataOf(entries) };
  return { resource: secrets, name, labels: labelsOf(installation), fields };
}

function entriesIn(
  { object }: Pick<Seen, "object">,
  name: string,
): Readonly<Record<string, string | undefined>> {
  return textsIn(object(secrets, name)?.["data"]);
}

/** A set's claims cannot be changed: what stands is kept, and said. */
function claimedStorage(seen: Seen): { storage: Storage; kept: string | undefined } {
  const storage = { ...seen.spec.storage, size: quantityOf(seen.spec.storage.size) };
  const set = seen.object(statefulSets, etcdNames(seen.installation).statefulSet);
  if (set === undefined) return { storage, kept: undefined };
  const [claim] = listOf(recordOf(set["spec"])["volumeClaimTemplates"]);
  const claimed = claim === undefined ? undefined : claimOf(claim);
  const standing: Storage = {
    ...(claimed ?? { size: storage.ephemeral ? storage.size : emptySizeOf(set, storage.size) }),
    ephemeral: claimed === undefined,
  };
  const kept = markOf(standing) === markOf(storage) ? undefined : describe(standing);
  return { storage: standing, kept };
}

function claimOf(claim: Readonly<Record<string, unknown>>): Omit<Storage, "ephemeral"> {
  const spec = recordOf(claim["spec"]);
  const { storage } = recordOf(recordOf(spec["resources"])["requests"]);
  const { storageClassName: className } = spec;
  return { size: String(storage), ...(typeof className === "string" && { className }) };
}

/** Of the folder that goes with the pod. */
function emptySizeOf(set: KubeObject, otherwise: string): string {
  const template = recordOf(recordOf(recordOf(set["spec"])["template"])["spec"]);
  const limits = listOf(template["volumes"]).filter(({ name }) => name === "data");
  const { sizeLimit } = recordOf(limits[0]?.["emptyDir"]);
  return typeof sizeLimit === "string" ? sizeLimit : otherwise;
}

function describe({ size, className, ephemeral }: Storage): string {
  if (ephemeral) return "a folder that goes with the pod";
  return `a volume of ${size}${className === undefined ? "" : ` of class '${className}'`}`;
}

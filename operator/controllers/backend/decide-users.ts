/** From facts to which users of namespaces there ought to be in etcd, and of what kind. Pure. */
import { proofOf, type BackendFacts } from "../../conditions/backend-facts.ts";
import { accessName, mayBeOurs } from "../../etcd-admin/namespace-access.ts";
import type { UserSecret } from "./resources.ts";

export interface UsersSeen {
  /** Namespaces with a resource of ours or a pod with a sidecar, and those that ask for sidecars. */
  readonly inUse: ReadonlySet<string>;
  /** Of the namespaces that exist, as far as they are served. */
  readonly uids: ReadonlyMap<string, string>;
  /** Whether the namespace is one that we look after: of another it is not known whether it exists. */
  readonly isServed: (namespace: string) => boolean;
  readonly secrets: readonly UserSecret[];
  /** Namespaces whose user was looked at a short while ago, and stood. */
  readonly seenLately: ReadonlySet<string>;
  /** The password that etcd is known to take, by namespace; undefined where it is known to take none. */
  readonly taken: ReadonlyMap<string, string | undefined>;
  /** Names that are called like ours and are not. */
  readonly notOurs: ReadonlySet<string>;
}

export interface UserToMake {
  readonly namespace: string;
  readonly uid: string;
}

export interface UserToLookAt {
  readonly namespace: string;
  /** Undefined: it comes with a certificate. */
  readonly password: string | undefined;
  /** Of the namespace; undefined: not known. */
  readonly uid: string | undefined;
  /** Whether etcd is asked if it takes the password, or none. */
  readonly check: boolean;
  /** Whether its Secret is of no use any more. */
  readonly dropSecret: boolean;
  /** Whether etcd has nothing of it yet. */
  readonly isNew: boolean;
}

export interface UsersPlan {
  /** A password is made, given to etcd, and then kept in the Secret: in this order, so that what a Secret says is true. */
  readonly make: readonly UserToMake[];
  readonly look: readonly UserToLookAt[];
  /** Namespaces that are gone. */
  readonly remove: readonly string[];
  /** Roles that no namespace that is known has: removed where they were ours. */
  readonly orphans: readonly string[];
}

export const noUsers: UsersPlan = { make: [], look: [], remove: [], orphans: [] };
/** In one look: a login costs etcd a tenth of a second of a core. */
const loginsMax = 5;

export function decideUsers(facts: BackendFacts, seen: UsersSeen): UsersPlan {
  const { spec, etcd, tree } = facts;
  const proof = spec.ok ? proofOf(spec.spec) : undefined;
  // In an etcd of another installation the users are its own.
  if (proof === undefined || etcd?.rights.kind !== "done" || tree?.kind !== "reachable")
    return noUsers;
  const { secrets, inUse, uids, isServed } = seen;
  // A namespace without resources keeps its user while it exists: its next resource finds the same password.
  const exists = (namespace: string) => uids.has(namespace) || !isServed(namespace);
  const stays = (namespace: string) => inUse.has(namespace) || exists(namespace);
  const staying = secrets.filter(({ namespace }) => stays(namespace));
  const make = proof === "password" ? usersToMake(seen) : [];
  const candidates =
    proof === "password" ? withPasswords(staying, make, seen) : withCertificates(staying, seen);
  const usersOn = etcd.auth.kind === "done" && etcd.auth.value;
  return {
    make,
    look: bounded(newFirst(candidates, etcd.rights.value), seen, usersOn),
    remove: secrets
      .filter(({ namespace }) => !stays(namespace))
      .map(({ namespace }) => namespace)
      .sort(),
    orphans: orphansAmong(etcd.rights.value, seen),
  };
}

/** Where none stands, and where the namespace was made anew: its user must not open to who knew the old one's password. */
function usersToMake({ inUse, uids, secrets }: UsersSeen): UserToMake[] {
  const known = new Map(secrets.map((secret) => [secret.namespace, secret]));
  return [...inUse].sort().flatMap((namespace) => {
    const uid = uids.get(namespace);
    // The watch of namespaces is behind: it tells soon.
    if (uid === undefined) return [];
    const secret = known.get(namespace);
    return secret?.password !== undefined && secret.uid === uid ? [] : [{ namespace, uid }];
  });
}

type Candidate = Omit<UserToLookAt, "check" | "isNew">;

function newFirst(
  candidates: readonly Candidate[],
  roles: readonly string[],
): Omit<UserToLookAt, "check">[] {
  const standing = new Set(roles);
  const all = candidates.map((one) => ({
    ...one,
    isNew: !standing.has(accessName(one.namespace)),
  }));
  return [...all.filter(({ isNew }) => isNew), ...all.filter(({ isNew }) => !isNew)];
}

function withPasswords(
  staying: readonly UserSecret[],
  make: readonly UserToMake[],
  { uids }: UsersSeen,
): Candidate[] {
  const made = new Set(make.map(({ namespace }) => namespace));
  return staying.flatMap(({ namespace, password, uid }) =>
    password === undefined || made.has(namespace)
      ? []
      : [{ namespace, password, uid: uids.get(namespace) ?? uid, dropSecret: false }],
  );
}

function withCertificates(staying: readonly UserSecret[], { inUse, uids }: UsersSeen): Candidate[] {
  const withSecret = new Set(staying.map(({ namespace }) => namespace));
  return [...new Set([...inUse, ...withSecret])].sort().map((namespace) => ({
    ...{ namespace, password: undefined, uid: uids.get(namespace) },
    dropSecret: withSecret.has(namespace),
  }));
}

/** Who was seen lately, and whose password is known to be taken, is not looked at; those who are asked are few. */
function bounded(
  candidates: readonly Omit<UserToLookAt, "check">[],
  { seenLately, taken }: UsersSeen,
  usersOn: boolean,
): UserToLookAt[] {
  let logins = 0;
  return candidates.flatMap((one) => {
    const { namespace, password, dropSecret } = one;
    const isKnown = taken.has(namespace) && taken.get(namespace) === password && !dropSecret;
    const check = usersOn && !isKnown && logins < loginsMax;
    if (check) logins += 1;
    if (dropSecret && usersOn && !check) return [];
    return check || dropSecret || !seenLately.has(namespace) ? [{ ...one, check }] : [];
  });
}

function orphansAmong(
  roles: readonly string[],
  { inUse, uids, secrets, notOurs }: UsersSeen,
): string[] {
  const known = new Set(
    [...inUse, ...uids.keys(), ...secrets.map(({ namespace }) => namespace)].map(accessName),
  );
  return roles.filter((role) => mayBeOurs(role) && !known.has(role) && !notOurs.has(role)).sort();
}

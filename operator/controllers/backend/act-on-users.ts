/** Carries out what was decided about users: in etcd, and in their Secrets. */
import type { Runtime } from "#core/runtime.ts";
import type { Ensured, NamespaceUsers } from "../../etcd-admin/namespace-users.ts";
import { adminDone, isRefusedBy, type AdminOutcome } from "../../etcd-admin/outcome.ts";
import type { UserToLookAt, UserToMake, UsersPlan, UsersSeen } from "./decide-users.ts";
import { readUserSecret } from "./resources.ts";
import type { UserSecrets } from "./user-secrets.ts";

export interface UsersHands {
  readonly runtime: Runtime;
  readonly users: NamespaceUsers;
  readonly secrets: UserSecrets;
  readonly seen: UsersSeen;
  /** Whether to take up no more: the controller drains. */
  readonly isEnding: () => boolean;
}

/** In one pass: the next pass goes on. At five a second, far below a reconcile's time. */
const usersMax = 50;
const passwordBytes = 32;

/**
 * `rotated`: it has another password, since its Secret was gone or the namespace is another. `refused`: the same, since etcd
 * did not take the one that it had. `converted`: it has no password any more.
 */
export type Happening =
  Exclude<Ensured, "refused"> | "rotated" | "refused" | "converted" | "removed";

export interface UserDone {
  readonly namespace: string;
  readonly what: Happening;
  /** What etcd is known to take now; absent: it was not asked. */
  readonly proven?: { readonly password: string | undefined };
}

export interface UsersDone {
  readonly done: readonly UserDone[];
  readonly failed: readonly string[];
  /** How many that do not stand yet are left for the next pass. */
  readonly left: number;
  /** How many were not looked at, whether they stand or not. */
  readonly unreached: number;
  /** Names of roles that are called like ours and are not. */
  readonly notOurs: readonly string[];
}

type Did = AdminOutcome<Omit<UserDone, "namespace">>;

interface Step {
  readonly namespace: string;
  readonly isNew?: boolean;
  readonly does: () => Promise<Did>;
}

export async function actOnUsers(
  plan: UsersPlan,
  hands: UsersHands,
  signal: AbortSignal,
): Promise<UsersDone> {
  const steps: Step[] = [
    ...plan.make.map((one) => ({
      ...one,
      isNew: true,
      does: () => make(one, hands, signal),
    })),
    ...plan.look.map((one) => ({ ...one, does: () => lookAtUser(one, hands, signal) })),
    ...plan.remove.map((namespace) => ({
      namespace,
      does: () => unmake(namespace, hands, signal),
    })),
  ];
  const orphans = await resolveOrphans(plan.orphans.slice(0, usersMax), hands, signal);
  const done: UserDone[] = [];
  const failed: string[] = [...orphans.failed];
  const all = [...steps, ...orphans.steps];
  let at = 0;
  for (const { namespace, does } of all.slice(0, usersMax)) {
    if (hands.isEnding()) break;
    at += 1;
    const outcome = await does();
    if (outcome.kind === "done") done.push({ namespace, ...outcome.value });
    else failed.push(`${namespace}: ${outcome.message}`);
    if (isRefusedBy(outcome, "notLeading")) break;
  }
  const rest = all.slice(at);
  const left = rest.filter(({ isNew = false }) => isNew).length;
  return { done, failed, left, unreached: rest.length, notOurs: orphans.notOurs };
}

async function resolveOrphans(roles: readonly string[], hands: UsersHands, signal: AbortSignal) {
  const found = { steps: [] as Step[], failed: [] as string[], notOurs: [] as string[] };
  const { uids, inUse, isServed } = hands.seen;
  for (const role of roles) {
    const whose = await hands.users.namespaceOf(role, signal);
    if (whose.kind !== "done") {
      found.failed.push(`${role}: ${whose.message}`);
      continue;
    }
    const { value: namespace } = whose;
    const isGone =
      namespace !== undefined &&
      isServed(namespace) &&
      !uids.has(namespace) &&
      !inUse.has(namespace);
    if (isGone) found.steps.push({ namespace, does: () => unmake(namespace, hands, signal) });
    else found.notOurs.push(role);
  }
  return found;
}

/**
 * The Secret without a password, then the user in etcd, then the password: who finds one finds one that etcd takes, and where
 * the Secret cannot be written etcd is not touched. Where we end in between, another password is made.
 *
 * `refused`: the password that etcd does not take.
 */
async function make(
  { namespace, uid, refused }: UserToMake & { readonly refused?: string | undefined },
  { runtime, users, secrets }: UsersHands,
  signal: AbortSignal,
): Promise<Did> {
  const there = await secrets.read(namespace, signal);
  if (there.kind !== "done") return there;
  const standing = there.value === undefined ? undefined : readUserSecret(there.value);
  const known = standing?.uid === uid ? standing.password : undefined;
  // The watch is behind: what was just made is not made once more.
  if (known !== undefined && known !== refused) {
    const wanted = { namespace, password: known, proof: "check" } as const;
    return didEnsure(known, await users.ensure(wanted, signal));
  }
  const pending = await secrets.write({ namespace, uid, password: "" }, there.value, signal);
  if (pending.kind !== "done") return pending;
  const password = runtime.randomId(passwordBytes);
  const made = await users.ensure({ namespace, password, proof: "set" }, signal);
  if (made.kind !== "done") return made;
  if (made.value === "refused") return notTaken;
  const kept = await secrets.write({ namespace, uid, password }, pending.value, signal);
  if (kept.kind !== "done") return kept;
  const rotated = refused === undefined ? "rotated" : "refused";
  const what = made.value === "made" ? "made" : rotated;
  return adminDone({ what, proven: { password } });
}

const notTaken = {
  kind: "unknown",
  message: "etcd does not take the password that it was given",
} as const;

function didEnsure(password: string | undefined, ensured: AdminOutcome<Ensured>): Did {
  if (ensured.kind !== "done") return ensured;
  return ensured.value === "refused"
    ? notTaken
    : adminDone({ what: ensured.value, proven: { password } });
}

async function lookAtUser(
  { namespace, password, uid, check, dropSecret }: UserToLookAt,
  hands: UsersHands,
  signal: AbortSignal,
): Promise<Did> {
  const proof = check ? "check" : "trust";
  const looked = await hands.users.ensure({ namespace, password, proof }, signal);
  if (looked.kind !== "done") return looked;
  if (looked.value === "refused") {
    if (uid === undefined) return notTaken;
    hands.runtime.log.warn("etcd does not take a namespace's password: another one is made", {
      namespace,
    });
    return make({ namespace, uid, refused: password }, hands, signal);
  }
  if (dropSecret) return dropPassword(namespace, hands, signal);
  return adminDone({ what: looked.value, ...(check && { proven: { password } }) });
}

/** The user has no password by now. */
async function dropPassword(
  namespace: string,
  { secrets }: UsersHands,
  signal: AbortSignal,
): Promise<Did> {
  const secret = await secrets.read(namespace, signal);
  if (secret.kind !== "done") return secret;
  if (secret.value !== undefined) {
    const removed = await secrets.remove(secret.value, signal);
    if (removed.kind !== "done") return removed;
  }
  return adminDone({ what: "converted", proven: { password: undefined } });
}

/** The Secret last: where we end in between, it brings us back. */
async function unmake(
  namespace: string,
  { users, secrets }: UsersHands,
  signal: AbortSignal,
): Promise<Did> {
  const gone = await users.remove(namespace, signal);
  if (gone.kind !== "done") return gone;
  const secret = await secrets.read(namespace, signal);
  if (secret.kind !== "done") return secret;
  if (secret.value !== undefined) {
    const removed = await secrets.remove(secret.value, signal);
    if (removed.kind !== "done") return removed;
  }
  return adminDone({ what: "removed" });
}

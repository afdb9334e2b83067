/** Carries out what was decided: users in etcd and their Secrets, and the status. */
import type { Runtime } from "#core/runtime.ts";
import { canonicalJson } from "#core/json.ts";
import { outline, readConditions, transition, type Judged } from "../../conditions/condition.ts";
import { accessName } from "../../etcd-admin/namespace-access.ts";
import type { NamespaceUsers } from "../../etcd-admin/namespace-users.ts";
import { adminDone, type AdminOutcome } from "../../etcd-admin/outcome.ts";
import { apply, applyStatus } from "../../kube/apply.ts";
import type { Api } from "../../kube/api.ts";
import { get, remove } from "../../kube/calls.ts";
import { isRefused, reasonText, recordOf, valueOf, type KubeOutcome } from "../../kube/errors.ts";
import type { KubeObject } from "../../kube/objects.ts";
import type { Numbers, UsersPlan } from "./decide.ts";
import {
  backends,
  fieldManager,
  isUserSecret,
  secrets,
  userSecretLabels,
  userSecretName,
} from "./resources.ts";

export interface ActParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly operatorNamespace: string;
  readonly users: NamespaceUsers;
}

/** In one pass: the next pass goes on. At five a second, far below a reconcile's time. */
const usersMax = 50;
const passwordBytes = 32;

export interface UsersDone {
  /** Namespaces whose user stands. */
  readonly standing: readonly string[];
  readonly failed: readonly string[];
  /** How many are left for the next pass. */
  readonly left: number;
}

export async function actOnUsers(
  plan: UsersPlan,
  parts: ActParts,
  signal: AbortSignal,
): Promise<UsersDone> {
  const steps = [
    ...plan.make.map((namespace) => ({ namespace, does: () => make(namespace, parts, signal) })),
    ...plan.look.map(({ namespace, password }) => ({
      namespace,
      does: () => parts.users.ensure({ namespace, password, rotate: false }, signal),
    })),
  ];
  const removals = plan.remove.map((namespace) => ({
    namespace,
    does: () => unmake(namespace, parts, signal),
  }));
  const standing: string[] = [];
  const failed: string[] = [];
  const all = [...steps, ...removals];
  for (const [at, { namespace, does }] of all.slice(0, usersMax).entries()) {
    const outcome = await does();
    if (outcome.kind !== "done") failed.push(`${namespace}: ${outcome.message}`);
    else if (at < steps.length) standing.push(namespace);
  }
  return { standing, failed, left: Math.max(0, all.length - usersMax) };
}

/**
 * The Secret without a password, then the user in etcd, then the password: who finds one finds one that etcd takes, and where
 * the Secret cannot be written etcd is not touched. Where we end in between, another password is made.
 */
async function make(
  namespace: string,
  { api, runtime, operatorNamespace, users }: ActParts,
  signal: AbortSignal,
): Promise<AdminOutcome<unknown>> {
  const call = { api, resource: secrets, signal };
  const object = { namespace: operatorNamespace, name: userSecretName(namespace) };
  const write = async (password: string): Promise<AdminOutcome<unknown>> => {
    const applied = await apply(call, fieldManager, {
      object,
      labels: userSecretLabels(namespace),
      fields: {
        type: "kubernetes.io/basic-auth",
        data: { username: base64(accessName(namespace)), password: base64(password) },
      },
    });
    return ofSecret("cannot be written", applied);
  };
  const there = await get(call, object);
  if (there.kind !== "done" && !isRefused(there, "notFound"))
    return ofSecret("cannot be read", there);
  if (there.kind === "done" && !isUserSecret(there.value, namespace)) return notOurs(object.name);
  const pending = await write("");
  if (pending.kind !== "done") return pending;
  const password = runtime.randomId(passwordBytes);
  const made = await users.ensure({ namespace, password, rotate: true }, signal);
  if (made.kind !== "done") return made;
  return write(password);
}

/** What became of a call about a namespace's Secret, as what became of its user. */
function ofSecret<T>(what: string, outcome: KubeOutcome<T>): AdminOutcome<T> {
  if (outcome.kind === "done") return adminDone(outcome.value);
  return { kind: "unknown", message: `its Secret ${what}: ${reasonText(outcome)}` };
}

function notOurs(name: string): AdminOutcome<never> {
  const message = `the Secret '${name}' is not of Holdfast's making. Delete it, or give it another name`;
  return { kind: "unknown", message };
}

/** The Secret last: where we end in between, it brings us back. */
async function unmake(
  namespace: string,
  { api, operatorNamespace, users }: ActParts,
  signal: AbortSignal,
): Promise<AdminOutcome<unknown>> {
  const gone = await users.remove(namespace, signal);
  if (gone.kind !== "done") return gone;
  const call = { api, resource: secrets, signal };
  const name = userSecretName(namespace);
  const secret = await get(call, { namespace: operatorNamespace, name });
  if (isRefused(secret, "notFound")) return gone;
  if (secret.kind !== "done") return ofSecret("cannot be read", secret);
  if (!isUserSecret(secret.value, namespace)) return notOurs(name);
  const removed = await remove(call, secret.value);
  return isRefused(removed, "notFound") ? gone : ofSecret("cannot be deleted", removed);
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** Between two writes that only bring numbers and words up to date. */
const refreshMs = 15_000;

export interface WantedStatus {
  readonly conditions: readonly Judged[];
  readonly numbers: Numbers;
  /** How long ago the status was written last; Infinity: never by this process. */
  readonly writtenMsAgo: number;
}

/** Tells whether it wrote. A condition that changed is written now; the rest at most every {@link refreshMs}. */
export async function actOnStatus(
  object: KubeObject,
  wanted: WantedStatus,
  { api, runtime, signal }: { api: Api; runtime: Runtime; signal: AbortSignal },
): Promise<boolean> {
  const before = recordOf(object["status"]);
  const generation = object.metadata.generation ?? 0;
  const wallNow = runtime.wallNow();
  const stored = readConditions(before["conditions"]);
  const status = {
    observedGeneration: generation,
    ...wanted.numbers,
    conditions: transition(stored, wanted.conditions, { generation, wallNow }),
  };
  if (canonicalJson(before) === canonicalJson(status)) return false;
  const turned = outline(before) !== outline(status);
  if (!turned && wanted.writtenMsAgo < refreshMs) return false;
  const of = { of: object, status };
  const applied = await applyStatus({ api, resource: backends, signal }, fieldManager, of);
  // It was deleted, or is another version than was judged: the next look judges that.
  if (isRefused(applied, "notFound") || isRefused(applied, "conflict")) return false;
  valueOf("the status of a Backend", applied);
  return true;
}

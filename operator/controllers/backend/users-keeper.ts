/**
 * Keeps the users of namespaces in the etcd of the Backend: what was seen of them in one look is remembered for the next, and
 * forgotten where the etcd may be another. One look a time: its caller sees to that.
 */
import type { Instant, Runtime } from "#core/runtime.ts";
import type { BackendFacts } from "../../conditions/backend-facts.ts";
import type { EtcdAdmin } from "../../etcd-admin/admin.ts";
import { NamespaceUsers } from "../../etcd-admin/namespace-users.ts";
import { incarnationOf } from "../../etcd-admin/standing.ts";
import type { Api } from "../../kube/api.ts";
import { actOnUsers, type UserDone, type UsersDone } from "./act-on-users.ts";
import { decideUsers, type UsersSeen } from "./decide-users.ts";
import { Logins } from "./logins.ts";
import { UserSecrets } from "./user-secrets.ts";

export interface UsersKeeperParts {
  readonly api: Api;
  readonly runtime: Runtime;
  readonly operatorNamespace: string;
  /** The connection to etcd that there is now. */
  readonly admin: () => EtcdAdmin | undefined;
  readonly seen: (known: Pick<UsersSeen, "seenLately" | "taken" | "notOurs">) => UsersSeen;
  readonly mayAct: () => boolean;
  readonly isEnding: () => boolean;
}

/** A user that stood is looked at again after this: etcd may have been begun anew. */
const userSeenMs = 300_000;

export class UsersKeeper {
  readonly #parts: UsersKeeperParts;
  readonly #users: NamespaceUsers;
  readonly #secrets: UserSecrets;
  readonly #logins: Logins;
  readonly #seenAt = new Map<string, Instant>();
  /** Names that are called like ours and are not. */
  readonly #notOurs = new Set<string>();
  #seenBy: EtcdAdmin | undefined;
  #seenIn: string | undefined;
  #standIn: string | undefined;

  constructor(parts: UsersKeeperParts) {
    this.#parts = parts;
    this.#users = new NamespaceUsers(parts);
    this.#secrets = new UserSecrets(parts);
    this.#logins = new Logins(parts.runtime);
  }

  /** The incarnation of an etcd that we run in which all users were seen to stand. */
  get standIn(): string | undefined {
    return this.#standIn;
  }

  /** `facts`: of a look that was just made, while none of ours was writing. */
  async keep(facts: BackendFacts, signal: AbortSignal): Promise<UsersDone> {
    const { runtime, isEnding } = this.#parts;
    const incarnation = incarnationIn(facts);
    this.#forget(facts, incarnation);
    const seen = this.#parts.seen({
      seenLately: new Set(this.#seenAt.keys()),
      taken: this.#logins.taken,
      notOurs: this.#notOurs,
    });
    const plan = decideUsers(facts, seen);
    const hands = { runtime, users: this.#users, secrets: this.#secrets, seen, isEnding };
    const users = await actOnUsers(plan, hands, signal);
    for (const one of users.done) this.#note(one);
    for (const role of users.notOurs) this.#notOurs.add(role);
    const areLookedAt = facts.tree?.kind === "reachable" && users.unreached === 0;
    if (areLookedAt && users.failed.length === 0) this.#standIn = incarnation;
    return users;
  }

  #note({ namespace, what, proven }: UserDone): void {
    if (what === "removed") {
      this.#seenAt.delete(namespace);
      this.#logins.refused(namespace);
      return;
    }
    this.#seenAt.set(namespace, this.#parts.runtime.now());
    if (proven !== undefined) this.#logins.took(namespace, proven.password);
  }

  /** Those seen long ago, and all where another etcd may have taken the former one's place. */
  #forget({ etcd }: BackendFacts, incarnation: string | undefined): void {
    const { runtime, admin } = this.#parts;
    const isAnew = this.#seenBy !== admin() || this.#seenIn !== incarnation;
    this.#seenBy = admin();
    this.#seenIn = incarnation;
    for (const [namespace, at] of this.#seenAt)
      if (isAnew || runtime.now() - at >= userSeenMs) this.#seenAt.delete(namespace);
    if (isAnew) this.#notOurs.clear();
    const usersOn = etcd?.auth.kind === "done" && etcd.auth.value;
    if (isAnew || !usersOn) this.#logins.forgetAll();
    const revision = etcd?.authRevision.kind === "done" ? etcd.authRevision.value : undefined;
    this.#logins.looked(revision, this.#users.writes);
  }
}

/** Of an etcd that we run, once its members tell their names and users can be made in it. */
function incarnationIn({ etcd, spec }: BackendFacts): string | undefined {
  if (!spec.ok || spec.spec.managed === undefined) return undefined;
  if (etcd?.members.kind !== "done" || etcd.rights.kind !== "done") return undefined;
  return etcd.members.value.flatMap(({ name }) => incarnationOf(name) ?? [])[0];
}

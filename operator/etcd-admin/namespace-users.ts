/**
 * The users of namespaces, made and removed one after the other, at most five a second: while the auth store changes,
 * etcd refuses a share of everybody's writes, which their clients send again.
 *
 * Each step may be made twice, and a step that finds its work done writes nothing. The password comes last: who can log
 * in has all rights already. Users that stand are looked at, not written: only what says something else is mended.
 *
 * etcd's calls about users compare nothing: what a process had sent while it led may come after what the next leader
 * wrote. So each call that writes asks first whether this process may act; and what still slips through is noticed, by
 * the count of all changes (`writes`, against etcd's own) and by asking etcd whether it takes a password.
 */
import type { Runtime } from "#core/runtime.ts";
import { sleep } from "#core/runtime.ts";
import type { EtcdAdmin } from "./admin.ts";
import { AdminHand, type Writes } from "./hand.ts";
import { accessName, namespaceOfRole } from "./namespace-access.ts";
import { ensureRole, rightsOfRole } from "./namespace-roles.ts";
import { adminDone, isRefusedBy, type AdminOutcome } from "./outcome.ts";

/** Between two users that are made, changed or removed. */
const betweenMs = 200;
/** What nobody has for a password: tells a user with one from a user without. */
const nobodysPassword = "?";

export interface WantedUser {
  readonly namespace: string;
  /** Undefined: it comes with a certificate, and no password lets anybody in. */
  readonly password: string | undefined;
  /**
   * `set`: this password, whatever etcd has. `check`: etcd is asked whether it takes it, at the cost of a login. `trust`:
   * it is not asked.
   */
  readonly proof: "set" | "check" | "trust";
}

/** `refused`: the user stands, and etcd does not take its password. `stood`: nothing was written. */
export type Ensured = "made" | "mended" | "stood" | "refused";

export interface NamespaceUsersParts {
  readonly admin: () => EtcdAdmin | undefined;
  readonly runtime: Runtime;
  /** Whether this process may change etcd now. */
  readonly mayAct: () => boolean;
}

export class NamespaceUsers {
  readonly #parts: NamespaceUsersParts;
  #queue: Promise<unknown> = Promise.resolve();
  #writes: Writes = { done: 0, lost: 0 };

  constructor(parts: NamespaceUsersParts) {
    this.#parts = parts;
  }

  /** All that went out from here. */
  get writes(): Writes {
    return this.#writes;
  }

  ensure(wanted: WantedUser, signal: AbortSignal): Promise<AdminOutcome<Ensured>> {
    return this.#inTurn(signal, (hand) => ensureUser(hand, wanted));
  }

  /** Tells whether there was anything to remove. */
  remove(namespace: string, signal: AbortSignal): Promise<AdminOutcome<boolean>> {
    return this.#inTurn(signal, (hand) => removeUser(hand, accessName(namespace)));
  }

  /** The namespace of a role that we made; undefined: it is somebody else's, or gone. */
  async namespaceOf(role: string, signal: AbortSignal): Promise<AdminOutcome<string | undefined>> {
    const admin = this.#parts.admin();
    if (admin === undefined) return notConnected;
    const hand = new AdminHand(admin, { signal, mayAct: () => true });
    const rights = await rightsOfRole(hand, role);
    if (rights.kind === "done") return adminDone(namespaceOfRole(role, rights.value));
    return isRefusedBy(rights, "missing") ? adminDone(undefined) : rights;
  }

  #inTurn<T>(
    signal: AbortSignal,
    work: (hand: AdminHand) => Promise<AdminOutcome<T>>,
  ): Promise<AdminOutcome<T>> {
    const turn = this.#queue.then(async () => {
      signal.throwIfAborted();
      const { runtime, mayAct } = this.#parts;
      const admin = this.#parts.admin();
      if (admin === undefined) return notConnected;
      const hand = new AdminHand(admin, { signal, mayAct });
      try {
        return await work(hand);
      } finally {
        const { done, lost } = hand.writes;
        this.#writes = { done: this.#writes.done + done, lost: this.#writes.lost + lost };
        if (hand.hasWritten && !signal.aborted) await sleep(runtime, betweenMs, signal);
      }
    });
    // The next one's turn comes whatever became of this one, of which its own caller is told.
    this.#queue = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }
}

const notConnected = { kind: "unknown", message: "there is no connection to etcd" } as const;

async function ensureUser(hand: AdminHand, wanted: WantedUser): Promise<AdminOutcome<Ensured>> {
  const name = accessName(wanted.namespace);
  const role = await ensureRole(hand, wanted.namespace);
  if (role.kind !== "done") return role;
  const user = await hand.read((etcd, options) => etcd.auth.userGet({ name }, options));
  if (isRefusedBy(user, "missing")) return makeUser(hand, name, wanted.password);
  if (user.kind !== "done") return user;
  if (!user.value.roles.includes(name)) {
    const granted = await grantRole(hand, name);
    if (granted.kind !== "done") return granted;
  }
  const proof = await ensureProof(hand, name, wanted);
  if (proof.kind !== "done" || proof.value !== "stood") return proof;
  return adminDone(hand.hasWritten ? "mended" : "stood");
}

async function makeUser(
  hand: AdminHand,
  name: string,
  password: string | undefined,
): Promise<AdminOutcome<Ensured>> {
  const proof = password === undefined ? { options: { no_password: true } } : { password };
  const added = await hand.write((etcd, options) => etcd.auth.userAdd({ name, ...proof }, options));
  // Made by somebody else meanwhile, with whatever password: the next look asks about it.
  if (added.kind !== "done") return added;
  const granted = await grantRole(hand, name);
  return granted.kind === "done" ? adminDone("made") : granted;
}

async function ensureProof(
  hand: AdminHand,
  name: string,
  { password, proof }: WantedUser,
): Promise<AdminOutcome<Ensured>> {
  const sets = proof === "set" && password !== undefined;
  if (sets) {
    const changed = await hand.write((etcd, options) =>
      etcd.auth.userChangePassword({ name, password }, options),
    );
    if (changed.kind !== "done") return changed;
  } else if (proof === "trust") return adminDone("stood");
  const login = await loginOf(hand, name, password ?? nobodysPassword);
  if (login.kind !== "done") return login;
  const isRight = login.value === (password === undefined ? "noPassword" : "taken");
  if (login.value === "off" || isRight) return adminDone(sets ? "mended" : "stood");
  if (login.value === "refused" && password !== undefined) return adminDone("refused");
  // One without a password cannot be given one, nor the other way round: etcd says yes, and does nothing.
  const removed = await hand.write((etcd, options) => etcd.auth.userDelete({ name }, options));
  if (removed.kind !== "done" && !isRefusedBy(removed, "missing")) return removed;
  const made = await makeUser(hand, name, password);
  return made.kind === "done" ? adminDone("mended") : made;
}

type Login = "taken" | "refused" | "noPassword" | "off";

/** It costs etcd a password hash, but for a user without one. */
async function loginOf(
  hand: AdminHand,
  name: string,
  password: string,
): Promise<AdminOutcome<Login>> {
  const login = await hand.read((etcd, options) =>
    etcd.auth.authenticate({ name, password }, options),
  );
  if (login.kind === "done") return adminDone("taken");
  if (isRefusedBy(login, "credentials")) return adminDone("refused");
  if (isRefusedBy(login, "noPassword")) return adminDone("noPassword");
  if (isRefusedBy(login, "authOff")) return adminDone("off");
  return login;
}

function grantRole(hand: AdminHand, name: string): Promise<AdminOutcome<unknown>> {
  return hand.write((etcd, options) =>
    etcd.auth.userGrantRole({ user: name, role: name }, options),
  );
}

/** The role last: it tells whose the user was. */
async function removeUser(hand: AdminHand, name: string): Promise<AdminOutcome<boolean>> {
  const user = await hand.write((etcd, options) => etcd.auth.userDelete({ name }, options));
  if (user.kind !== "done" && !isRefusedBy(user, "missing")) return user;
  const role = await hand.write((etcd, options) => etcd.auth.roleDelete({ role: name }, options));
  if (role.kind !== "done" && !isRefusedBy(role, "missing")) return role;
  return adminDone(user.kind === "done" || role.kind === "done");
}

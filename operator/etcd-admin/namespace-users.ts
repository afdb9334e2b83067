/**
 * The users of namespaces, made and removed one after the other, at most five a second: while the auth store changes,
 * etcd refuses a share of everybody's writes, which their clients send again.
 *
 * Each step may be made twice, and a step that finds its work done writes nothing. The password comes last: who can log
 * in has all rights already. Users that stand are looked at, not written: only a role that says something else is mended.
 */
import type { Runtime } from "#core/runtime.ts";
import { sleep } from "#core/runtime.ts";
import type { EtcdAdmin } from "./admin.ts";
import { accessName, permissionsOf, type Permission } from "./namespace-access.ts";
import { adminDone, isRefusedBy, type AdminOutcome } from "./outcome.ts";

/** Between two users that are made, changed or removed. */
const betweenMs = 200;

export interface WantedUser {
  readonly namespace: string;
  readonly password: string;
  /** Whether the password that etcd has, if it has one, is replaced. */
  readonly rotate: boolean;
}

interface RoleKey {
  readonly access: string;
  readonly key: string;
  readonly end: string;
}

export class NamespaceUsers {
  readonly #admin: () => EtcdAdmin | undefined;
  readonly #runtime: Runtime;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(admin: () => EtcdAdmin | undefined, runtime: Runtime) {
    this.#admin = admin;
    this.#runtime = runtime;
  }

  /** Tells whether anything had to be written. */
  ensure(wanted: WantedUser, signal: AbortSignal): Promise<AdminOutcome<boolean>> {
    return this.#inTurn(signal, (admin) => ensureUser(admin, wanted));
  }

  remove(namespace: string, signal: AbortSignal): Promise<AdminOutcome<boolean>> {
    return this.#inTurn(signal, async (admin) => {
      const name = accessName(namespace);
      const user = await admin.ask((etcd, options) => etcd.auth.userDelete({ name }, options));
      if (user.kind !== "done" && !isRefusedBy(user, "missing")) return user;
      const role = await admin.ask((etcd, options) =>
        etcd.auth.roleDelete({ role: name }, options),
      );
      if (role.kind !== "done" && !isRefusedBy(role, "missing")) return role;
      return adminDone(user.kind === "done" || role.kind === "done");
    });
  }

  #inTurn(
    signal: AbortSignal,
    work: (admin: EtcdAdmin) => Promise<AdminOutcome<boolean>>,
  ): Promise<AdminOutcome<boolean>> {
    const turn = this.#queue.then(async () => {
      signal.throwIfAborted();
      const admin = this.#admin();
      if (admin === undefined)
        return { kind: "unknown", message: "there is no connection to etcd" } as const;
      const outcome = await work(admin);
      const wrote = outcome.kind !== "done" || outcome.value;
      if (wrote) await sleep(this.#runtime, betweenMs, signal);
      return outcome;
    });
    // The next one's turn comes whatever became of this one, of which its own caller is told.
    this.#queue = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  }
}

async function ensureUser(
  admin: EtcdAdmin,
  { namespace, password, rotate }: WantedUser,
): Promise<AdminOutcome<boolean>> {
  const name = accessName(namespace);
  const role = await ensureRole(admin, namespace);
  if (role.kind !== "done") return role;
  const user = await admin.ask((etcd, options) => etcd.auth.userGet({ name }, options));
  if (user.kind !== "done" && !isRefusedBy(user, "missing")) return user;
  const stands = user.kind === "done";
  if (!stands) {
    const added = await admin.ask((etcd, options) =>
      etcd.auth.userAdd({ name, password }, options),
    );
    if (added.kind !== "done" && !isRefusedBy(added, "exists")) return added;
  }
  if (!stands || !user.value.roles.includes(name)) {
    const given = await admin.ask((etcd, options) =>
      etcd.auth.userGrantRole({ user: name, role: name }, options),
    );
    if (given.kind !== "done") return given;
  }
  if (stands && rotate) {
    const changed = await admin.ask((etcd, options) =>
      etcd.auth.userChangePassword({ name, password }, options),
    );
    if (changed.kind !== "done") return changed;
  }
  const wrote = role.value || !stands || rotate || !user.value.roles.includes(name);
  return adminDone(wrote);
}

async function ensureRole(admin: EtcdAdmin, namespace: string): Promise<AdminOutcome<boolean>> {
  const name = accessName(namespace);
  const wanted = permissionsOf(namespace).map(keyOfWanted);
  const role = await admin.ask((etcd, options) => etcd.auth.roleGet({ role: name }, options));
  if (role.kind !== "done" && !isRefusedBy(role, "missing")) return role;
  const standing: RoleKey[] =
    role.kind !== "done"
      ? []
      : role.value.perm.map(({ permType, key, range_end: end }) => ({
          ...{ access: permType, key: key.toString(), end: end.toString() },
        }));
  if (role.kind !== "done") {
    const added = await admin.ask((etcd, options) => etcd.auth.roleAdd({ name }, options));
    if (added.kind !== "done" && !isRefusedBy(added, "exists")) return added;
  }
  const missing = wanted.filter((one) => !standing.some((other) => same(one, other)));
  for (const { access, key, end } of missing) {
    const perm = { permType: access as Permission["access"], ...bytesOf({ key, end }) };
    const granted = await admin.ask((etcd, options) =>
      etcd.auth.roleGrantPermission({ name, perm }, options),
    );
    if (granted.kind !== "done") return granted;
  }
  // What somebody else has granted it: another right on the same range was replaced above.
  const surplus = standing.filter((one) => !wanted.some((other) => sameRange(one, other)));
  for (const one of surplus) {
    const revoked = await admin.ask((etcd, options) =>
      etcd.auth.roleRevokePermission({ role: name, ...bytesOf(one) }, options),
    );
    if (revoked.kind !== "done" && !isRefusedBy(revoked, "missing")) return revoked;
  }
  return adminDone(role.kind !== "done" || missing.length > 0 || surplus.length > 0);
}

function keyOfWanted({ access, range }: Permission): RoleKey {
  return { access, key: range.key, end: range.end ?? "" };
}

function bytesOf({ key, end }: { key: string; end: string }): { key: Buffer; range_end: Buffer } {
  return { key: Buffer.from(key), range_end: Buffer.from(end) };
}

const sameRange = (a: RoleKey, b: RoleKey): boolean => a.key === b.key && a.end === b.end;
const same = (a: RoleKey, b: RoleKey): boolean => sameRange(a, b) && a.access === b.access;

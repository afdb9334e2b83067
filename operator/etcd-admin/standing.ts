/**
 * Whether an etcd that the operator runs may have clients: which incarnation of its data it is, whether users are switched
 * on, and whether the spec tree has its base; and the call that switches users on, for such an etcd only.
 */
import { installationKey } from "#core/spec/keys.ts";
import type { AdminHand } from "./hand.ts";
import { adminDone, isRefusedBy, type AdminOutcome } from "./outcome.ts";

export interface Standing {
  /** Of the data, made by chance when its folder was empty. */
  readonly incarnation: string;
  readonly usersOn: boolean;
  readonly hasBase: boolean;
}

/** `{pod}-{incarnation}` */
const memberName = /^[-a-z0-9.]+-([0-9a-f]{16})$/;

export function incarnationOf(name: string): string | undefined {
  return memberName.exec(name)?.[1];
}

/**
 * The name is asked for before and after: two equal ones have the answers in between be of that data, since one that is lost
 * never comes back under its name.
 */
export async function readStanding(hand: AdminHand): Promise<AdminOutcome<Standing>> {
  const before = await readIncarnation(hand);
  if (before.kind !== "done") return before;
  const users = await hand.read((etcd, options) => etcd.auth.authStatus(options));
  if (users.kind !== "done") return users;
  const base = await hand.read((etcd, options) =>
    etcd.kv.range({ key: Buffer.from(installationKey), count_only: true }, options),
  );
  if (base.kind !== "done") return base;
  const after = await readIncarnation(hand);
  if (after.kind !== "done") return after;
  if (after.value !== before.value) return unclear("its data was lost just now");
  return adminDone({
    ...{ incarnation: after.value, usersOn: users.value.enabled },
    hasBase: Number(base.value.count) > 0,
  });
}

async function readIncarnation(hand: AdminHand): Promise<AdminOutcome<string>> {
  const told = await hand.read((etcd, options) => etcd.cluster.memberList({}, options));
  if (told.kind !== "done") return told;
  const names = told.value.members.map(({ name }) => name);
  const [incarnation] = names.flatMap((name) => incarnationOf(name) ?? []);
  return incarnation === undefined
    ? unclear(`none of its members has a name of our making: ${names.join(", ")}`)
    : adminDone(incarnation);
}

const unclear = (message: string): AdminOutcome<never> => ({ kind: "unknown", message });

/**
 * Each step may be made twice, and none but the last changes who may do what. The admin has no password: nobody can log in
 * as it, it comes with a certificate of the operator's authority.
 */
export async function switchUsersOn(hand: AdminHand): Promise<AdminOutcome<void>> {
  const root = "root";
  const role = await hand.write((etcd, options) => etcd.auth.roleAdd({ name: root }, options));
  if (role.kind !== "done" && !isRefusedBy(role, "exists")) return role;
  const user = await hand.write((etcd, options) =>
    etcd.auth.userAdd({ name: root, options: { no_password: true } }, options),
  );
  if (user.kind !== "done" && !isRefusedBy(user, "exists")) return user;
  const granted = await hand.write((etcd, options) =>
    etcd.auth.userGrantRole({ user: root, role: root }, options),
  );
  if (granted.kind !== "done") return granted;
  const on = await hand.write((etcd, options) => etcd.auth.authEnable(options));
  return on.kind === "done" ? adminDone(undefined) : on;
}

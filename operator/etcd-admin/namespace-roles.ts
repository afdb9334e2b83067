/** The role of a namespace's user: made where it is missing, and mended where it says something else than it ought to. */
import type { AdminHand } from "./hand.ts";
import { accessName, isSameRight, rightsOf, type Right } from "./namespace-access.ts";
import { adminDone, isRefusedBy, mapped, type AdminOutcome } from "./outcome.ts";

/** What the role says that it may do. */
export async function rightsOfRole(
  hand: AdminHand,
  role: string,
): Promise<AdminOutcome<readonly Right[]>> {
  const told = await hand.read((etcd, options) => etcd.auth.roleGet({ role }, options));
  return mapped(told, ({ perm }) =>
    perm.map(({ permType, key, range_end: end }) => ({
      ...{ access: permType, key: key.toString(), end: end.toString() },
    })),
  );
}

export async function ensureRole(
  hand: AdminHand,
  namespace: string,
): Promise<AdminOutcome<unknown>> {
  const name = accessName(namespace);
  const role = await rightsOfRole(hand, name);
  if (role.kind === "done") return mendRole(hand, namespace, role.value);
  if (!isRefusedBy(role, "missing")) return role;
  const added = await hand.write((etcd, options) => etcd.auth.roleAdd({ name }, options));
  if (added.kind !== "done" && !isRefusedBy(added, "exists")) return added;
  return mendRole(hand, namespace, []);
}

async function mendRole(
  hand: AdminHand,
  namespace: string,
  standing: readonly Right[],
): Promise<AdminOutcome<unknown>> {
  const name = accessName(namespace);
  const wanted = rightsOf(namespace);
  const missing = wanted.filter((one) => !standing.some((other) => isSameRight(one, other)));
  for (const { access, ...range } of missing) {
    const perm = { permType: access, ...bytesOf(range) };
    const granted = await hand.write((etcd, options) =>
      etcd.auth.roleGrantPermission({ name, perm }, options),
    );
    if (granted.kind !== "done") return granted;
  }
  // What somebody else has granted it: another right on the same range was replaced above.
  const surplus = standing.filter(
    (one) => !wanted.some(({ key, end }) => one.key === key && one.end === end),
  );
  for (const one of surplus) {
    const revoked = await hand.write((etcd, options) =>
      etcd.auth.roleRevokePermission({ role: name, ...bytesOf(one) }, options),
    );
    if (revoked.kind !== "done" && !isRefusedBy(revoked, "missing")) return revoked;
  }
  return adminDone(undefined);
}

function bytesOf({ key, end }: Pick<Right, "key" | "end">): { key: Buffer; range_end: Buffer } {
  return { key: Buffer.from(key), range_end: Buffer.from(end) };
}

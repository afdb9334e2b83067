/** The Events about a Backend: that it can be used, or no more, and what was done about users in its etcd. Pure. */
import type { Judged, StoredCondition } from "../../conditions/condition.ts";
import type { News } from "../../kube/events.ts";
import type { Happening, UserDone } from "./act-on-users.ts";

export type Telling = Omit<News, "regarding">;

/** What the status comes to, when it becomes so. */
export function changesToTell(
  before: readonly StoredCondition[],
  now: readonly Judged[],
): Telling[] {
  return now.flatMap(({ type, status, reason, message: note }) => {
    const was = before.find((condition) => condition.type === type);
    if (type !== "Ready" || was?.status === status) return [];
    const kind = status === "True" ? "Normal" : "Warning";
    return [{ type: kind, reason, action: "Look", note } satisfies Telling];
  });
}

interface Words {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly what: (namespace: string) => string;
}

const words: Readonly<Record<Exclude<Happening, "stood">, Words>> = {
  made: { type: "Normal", reason: "UserMade", what: (name) => `${name} has a user in etcd` },
  rotated: {
    ...{ type: "Normal", reason: "PasswordRotated" },
    what: (name) =>
      `${name} has another password in etcd: its Secret was gone, or it was made anew`,
  },
  refused: {
    ...{ type: "Warning", reason: "PasswordRefused" },
    what: (name) =>
      `etcd did not take the password of ${name}: somebody changed it there. It has another one, and sidecars need it`,
  },
  mended: {
    ...{ type: "Warning", reason: "UserMended" },
    what: (name) => `somebody had changed the user of ${name}, or what it may do; it is mended`,
  },
  converted: {
    ...{ type: "Normal", reason: "PasswordRemoved" },
    what: (name) => `${name} has no password in etcd any more: its sidecars come with certificates`,
  },
  removed: {
    ...{ type: "Normal", reason: "UserRemoved" },
    what: (name) => `${name} is gone, and so is its user in etcd`,
  },
};

export function userToTell({ namespace, what }: UserDone): Telling | undefined {
  if (what === "stood") return undefined;
  const { type, reason, what: noteOf } = words[what];
  return { type, reason, action: "KeepUser", note: noteOf(`namespace '${namespace}'`) };
}

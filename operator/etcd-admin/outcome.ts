/**
 * What can become of a call of an admin, and the one place where etcd3's errors are interpreted: by what etcd wrote, since
 * etcd3 drops gRPC's numbers.
 *
 * Whoever gets `unknown` reads again: all calls of this folder may be made twice.
 */
export type AdminOutcome<T> = AdminDone<T> | AdminRefused | AdminUnknown;

export interface AdminDone<T> {
  readonly kind: "done";
  readonly value: T;
}

/** etcd said no, or nothing was ever sent. */
export interface AdminRefused {
  readonly kind: "refused";
  readonly reason: AdminRefusal;
  readonly message: string;
}

/** No answer that decides. */
export interface AdminUnknown {
  readonly kind: "unknown";
  readonly message: string;
}

export type AdminRefusal =
  /** No such user, or another password, or a certificate of another authority. */
  | "credentials"
  /** The user has no password, and comes with a certificate alone. */
  | "noPassword"
  /** Who comes must say who it is, by a password or a certificate. */
  | "noCredentials"
  /** The user may not. */
  | "permission"
  | "exists"
  | "missing"
  /** Users are switched off: nobody can log in. */
  | "authOff"
  /** The token is no longer known: log in again. */
  | "badToken"
  /** Somebody changed a user meanwhile: once more. */
  | "staleAuth"
  /** The server does not know such a call: it is no etcd, or an old one. */
  | "notSupported"
  | "noSpace"
  /** Never sent: this process may not act any more. */
  | "notLeading";

export const notLeading: AdminRefused = {
  kind: "refused",
  reason: "notLeading",
  message: "this process leads no more",
};

export function adminDone<T>(value: T): AdminDone<T> {
  return { kind: "done", value };
}

/** What takes the place of etcd's words, on which etcd3 would try again without end and with the same token. */
export const badTokenText = "etcd does not know the token";

const texts: readonly (readonly [RegExp, AdminRefusal])[] = [
  [/user name is empty|alert certificate required/, "noCredentials"],
  [/no password user/, "noPassword"],
  [/authentication failed|alert (bad certificate|unknown ca|certificate \w+)/, "credentials"],
  [/permission denied/, "permission"],
  [/already exists/, "exists"],
  [/(user|role) name not found|role is not granted|permission is not granted/, "missing"],
  [/authentication is not enabled/, "authOff"],
  [/etcd does not know the token|invalid auth token/, "badToken"],
  [/revision of auth store is old|auth: revision in header is old/, "staleAuth"],
  [/UNIMPLEMENTED|unknown (service|method)|unsupported|not implemented/, "notSupported"],
  [/database space exceeded/, "noSpace"],
];

const messageMax = 500;

export function interpret(error: unknown): AdminRefused | AdminUnknown {
  const message = plain(error instanceof Error ? error.message : String(error));
  const found = texts.find(([text]) => text.test(message));
  return found === undefined
    ? { kind: "unknown", message }
    : { kind: "refused", reason: found[1], message };
}

/** Without what differs each time: the words stand in a status, which is written when they change. */
function plain(message: string): string {
  return message
    .replace(/ *\(\d{4}-\d\d-\d\dT[^)]*\)\.? *Resolution note:.*$/s, "")
    .replace(/[0-9A-F]+:error:[0-9A-F]+:[^:]*:[^:]*:([^:]*):[^ ]*:SSL alert number \d+/, "$1")
    .trim()
    .slice(0, messageMax);
}

export function isRefusedBy(outcome: AdminOutcome<unknown>, ...reasons: AdminRefusal[]): boolean {
  return outcome.kind === "refused" && reasons.includes(outcome.reason);
}

export function mapped<T, U>(outcome: AdminOutcome<T>, map: (value: T) => U): AdminOutcome<U> {
  return outcome.kind === "done" ? adminDone(map(outcome.value)) : outcome;
}

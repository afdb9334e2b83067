/** `orders/42`: the pool, and the lock's name, which may hold further slashes. */
import { UsageError } from "./command.ts";

export interface LockName {
  readonly pool: string;
  readonly name: string;
}

/** As it stands in usage lines. */
export const lockArgument = "POOL/NAME";

export function lockNameOf(text: string): LockName {
  const slash = text.indexOf("/");
  if (slash > 0 && slash < text.length - 1)
    return { pool: text.slice(0, slash), name: text.slice(slash + 1) };
  throw new UsageError(`'${text}' names no lock. Write pool and name, as in orders/42.`);
}

/** The kinds that this version knows. */
import { distributedLock } from "./distributed-lock.ts";

export const kinds = [distributedLock] as const;

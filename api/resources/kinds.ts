/** The kinds that this version knows. */
import { backend } from "./backend.ts";
import { distributedLock } from "./distributed-lock.ts";

export const kinds = [distributedLock, backend] as const;

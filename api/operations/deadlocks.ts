/** Circles of owners who wait for each other. */
import { list, object, type ValueOf } from "../fields.ts";
import { deadlockWaitFields } from "./deadlock-wait.ts";
import type { Operation } from "./operation.ts";

const wait = object({
  title: "DeadlockWait",
  about: "One wait in a circle.",
  fields: deadlockWaitFields,
});

const deadlock = object({
  title: "Deadlock",
  about: "Owners who wait for each other: none of these waits can be over by itself.",
  fields: {
    waits: list({
      about: "First come first; of more than 10,000 waits in all circles the first.",
      items: wait,
      itemsMax: 100_000,
    }),
  },
});

const deadlocks = object({
  title: "Deadlocks",
  about: "All circles of owners in the namespace, as they stood at one moment.",
  fields: { deadlocks: list({ about: "Empty: none.", items: deadlock, itemsMax: 100_000 }) },
});

export type Deadlocks = ValueOf<typeof deadlocks>;

export const listDeadlocks = {
  id: "listDeadlocks",
  method: "GET",
  path: "/v1/deadlocks",
  about:
    "Tells which owners wait for each other in circles, of all pods of the namespace. Only requests that name an owner are in one.",
  pathFields: {},
  fieldsIn: "query",
  fields: {},
  rules: [],
  replies: { 200: { about: "The circles, most often none.", body: deadlocks } },
  problems: ["backend_unreachable", "backend_refused"],
} as const satisfies Operation;

/** One wait of a circle of owners, as it is shown: in the list of deadlocks, and in the problem that ends one. */
import { choice, integer, list, text, timestamp } from "../fields.ts";

const owner = { form: "plain", bytesMin: 1, bytesMax: 256 } as const;

export const deadlockWaitFields = {
  owner: text({ ...owner, about: "Who waits, as the request named it." }),
  holder: text({ about: "Who it is for people who look.", form: "plain", bytesMax: 256 }),
  pod: text({ about: "The pod whose sidecar it asked.", form: "plain", bytesMax: 256 }),
  lock: text({ about: "What it waits for: orders/42.", form: "plain", bytesMax: 1_024 }),
  mode: choice({
    about: "How it wants the lock.",
    values: { exclusive: "nobody else holds the lock", shared: "others may share it" },
  }),
  permits: integer({
    about: "How many permits it wants.",
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
  }),
  since: timestamp({ about: "Since when it waits." }),
  behind: list({
    about: "For which owners of the circle it waits. Of more than 100, those just before it.",
    items: text({ ...owner, about: "An owner." }),
    itemsMax: 100_000,
  }),
};

/** `holdfast locks deadlocks`: owners who wait for each other in circles. */
import { connect, type Deadlock, type DeadlockWait } from "#client/holdfast.ts";
import { urlFlag, type Command } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { jsonFlag } from "../output.ts";
import { ageOf, plain } from "../table.ts";

export const locksDeadlocks: Command = {
  words: ["locks", "deadlocks"],
  usage: "[flags]",
  takes: [],
  summary: "shows owners who wait for each other in circles",
  prose: [
    "Of all pods of the namespace, as they stood at one moment. Each circle is spelt out from owner over lock to owner, with each of its waits below. Only requests that name an owner are in one.",
    "The code is 0 with circles and without.",
  ],
  flags: [jsonFlag, urlFlag],
  examples: ["holdfast locks deadlocks", "holdfast locks deadlocks -o json"],
  codes: { usage: exitCodes.usage, failed: exitCodes.failed },
  async run({ flags, io }) {
    const holdfast = connect({ url: flags.text("url") });
    try {
      const deadlocks = await holdfast.deadlocks();
      if (flags.has("output")) io.out(`${JSON.stringify({ deadlocks }, undefined, 2)}\n`);
      else if (deadlocks.length === 0) io.err("No owners wait for each other in a circle.\n");
      else io.out(deadlocks.map((each) => textOf(each, Date.now())).join("\n"));
      return 0;
    } finally {
      await holdfast.close();
    }
  },
};

function textOf({ waits }: Deadlock, nowMs: number): string {
  const lines = [
    circleOf(waits),
    ...waits.map(({ owner, holder, pod, lock, since, behind }) => {
      const who = holder === pod ? pod : `${holder} in ${pod}`;
      return `  ${owner} (${who}) waits for ${lock} behind ${behind.join(", ")}, for ${ageOf(since, nowMs)}`;
    }),
  ];
  return lines.map((line) => `${plain(line)}\n`).join("");
}

const arrow = " → ";

/**
 * Of waits that may be more than one circle, one: `a → orders/2 → b → orders/1 → a`. Each owner of it waits for another of it, so
 * whoever goes from one to the next comes to one where he has been.
 */
function circleOf(waits: readonly DeadlockWait[]): string {
  const way: DeadlockWait[] = [];
  let next = waits[0];
  while (next !== undefined && !way.includes(next)) {
    way.push(next);
    const [before] = next.behind;
    next = waits.find(({ owner }) => owner === before);
  }
  if (next === undefined) return way.map(({ owner, lock }) => owner + arrow + lock).join(arrow);
  const circle = way.slice(way.indexOf(next));
  return [...circle.flatMap(({ owner, lock }) => [owner, lock]), next.owner].join(arrow);
}

/**
 * Tests that mostly wait, for leases and deadlines, run at the same time. They share nothing that one could disturb for
 * another. Each is told of by itself, when all have ended.
 */
import { before, it } from "mocha";

/** Inside of a `describe`: what each shows, and how. */
export function together(scenarios: Readonly<Record<string, () => Promise<void>>>): void {
  const titles = Object.keys(scenarios);
  let ended: readonly PromiseSettledResult<void>[] = [];
  before(async () => {
    ended = await Promise.allSettled(Object.values(scenarios).map((run) => run()));
  });
  for (const [at, title] of titles.entries()) {
    it(title, () => {
      const result = ended[at];
      if (result?.status === "rejected") throw result.reason;
    });
  }
}

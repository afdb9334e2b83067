/**
 * A set is granted all its locks or none, on places that were made in one write: one create revision, one session, one seat. Each
 * is told to hold at the same moments, and as long.
 */
import { keyIn } from "../etcd-record.ts";
import type { Granted, History, Violation } from "../history.ts";

export function sets({ grants }: History): Violation[] {
  const ofSets = grants.filter(({ ofSet }) => ofSet !== undefined);
  return [...Map.groupBy(ofSets, ({ id }) => id)].flatMap(([id, members]) => {
    const [first] = members;
    if (first === undefined) return [];
    const wrong = (what: string): Violation => ({
      rule: "sets",
      atMs: first.atMs,
      what: `${id} (${first.process}): ${what}`,
    });
    const { ofSet = 0 } = first;
    const violations: Violation[] = [];
    if (members.length !== ofSet || new Set(members.map(({ lock }) => lock)).size !== ofSet)
      violations.push(
        wrong(`${String(members.length)} of its ${String(ofSet)} locks were granted`),
      );
    for (const [what, of] of Object.entries(alike)) {
      const seen = [...new Set(members.map(of))];
      if (seen.length > 1) violations.push(wrong(`its locks have ${what} ${seen.join(", ")}`));
    }
    return violations;
  });
}

const alike: Readonly<Record<string, (grant: Granted) => string>> = {
  "the create revisions": ({ contender }) => contender.slice(keyIn(contender).length + 1),
  "the places": ({ contender }) => keyIn(contender).split("/").at(-1) ?? "",
  "the fences": ({ fence }) => fence.toString(),
  "the promises": ({ claims }) => claims.map(({ untilMs }) => untilMs).join(),
};

/**
 * Who is told that he holds has a place in etcd, which is the first (first come first served across sidecars: places stand in
 * the order in which etcd took them in), and whose lease outlives what was promised.
 */
import type { Claim, Granted, History, Violation } from "../history.ts";

const hairMs = 0.001;

export function places(history: History): Violation[] {
  return history.grants
    .filter(({ waived }) => waived === undefined)
    .flatMap((grant) => grant.claims.flatMap((claim) => ofClaim(grant, claim)));
}

function ofClaim(grant: Granted, claim: Claim): Violation[] {
  const { id, lock, process, contender } = grant;
  const { atMs, untilMs, contenders, leaseEndsMs } = claim;
  const wrong = (what: string): Violation[] => [
    { rule: "places", atMs, what: `${lock}: ${process} said that ${id} is held, ${what}` },
  ];
  if (!contenders.includes(contender)) return wrong("and it has no place in etcd");
  if (contenders[0] !== contender) return wrong(`and ${String(contenders[0])} stands before it`);
  if (leaseEndsMs === undefined) return wrong("and its lease is gone");
  if (untilMs > leaseEndsMs + hairMs)
    return wrong(`until ${String(untilMs)}, and its lease may end at ${String(leaseEndsMs)}`);
  return [];
}

/**
 * Who is told that he holds has a place in etcd that none before it excludes (first come first served across sidecars: places
 * stand in the order in which etcd took them in), and whose lease outlives what was promised.
 */
import type { Claim, Granted, History, Violation } from "../history.ts";

const hairMs = 0.001;

export function places(history: History): Violation[] {
  return history.grants
    .filter(({ waived }) => waived === undefined)
    .flatMap((grant) => grant.claims.flatMap((claim) => ofClaim(history, grant, claim)));
}

function ofClaim(history: History, grant: Granted, claim: Claim): Violation[] {
  const { id, lock, process, contender } = grant;
  const { atMs, untilMs, contenders, leaseEndsMs } = claim;
  const wrong = (what: string): Violation[] => [
    { rule: "places", atMs, what: `${lock}: ${process} said that ${id} is held, ${what}` },
  ];
  if (!contenders.includes(contender)) return wrong("and it has no place in etcd");
  const before = contenders.slice(0, contenders.indexOf(contender));
  const excludes = before.filter((other) => isExcludedBy(history, { grant, claim, other, before }));
  if (excludes.length > 0) return wrong(`and ${excludes.join(", ")} stands before it`);
  if (leaseEndsMs === undefined) return wrong("and its lease is gone");
  if (untilMs > leaseEndsMs + hairMs)
    return wrong(`until ${String(untilMs)}, and its lease may end at ${String(leaseEndsMs)}`);
  return [];
}

interface Before {
  readonly grant: Granted;
  readonly claim: Claim;
  readonly other: string;
  readonly before: readonly string[];
}

function isExcludedBy({ demands }: History, { grant, claim, other, before }: Before): boolean {
  switch (grant.sharing.mode) {
    case "Mutex":
      return true;
    case "ReadWrite":
      return grant.mode === "exclusive" || demands.get(other)?.mode !== "shared";
    case "Semaphore": {
      // Once let in it stays, also when there are fewer permits.
      if (claim !== grant.claims[0]) return false;
      const wanted = before.map((one) => demands.get(one)?.permits ?? 1);
      const { permits, permitsThen = grant.sharing.permits } = grant;
      return wanted.reduce((sum, each) => sum + each, permits) > permitsThen;
    }
  }
}

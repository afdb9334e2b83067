/** Locks of a set are granted all or none, by one grant: whoever asked hears the same of each of them. */
import { byRequest, type Attempt, type Grant, type History } from "../history/history.ts";
import { ms, type Violation } from "./violation.ts";

export function together({ attempts, grants }: History): Violation[] {
  const granted = new Map(grants.map((grant) => [grant.attempt.op, grant]));
  return byRequest(attempts).flatMap((of) => {
    if (of.every(({ outcome }) => outcome !== "granted")) return [];
    const got = of.flatMap(({ op }) => granted.get(op) ?? []);
    const isOne = new Set(got.map(({ grantId, fence }) => `${grantId} ${fence}`)).size === 1;
    return got.length === of.length && isOne ? [] : [wrong(of, got)];
  });
}

function wrong(of: readonly Attempt[], got: readonly Grant[]): Violation {
  const locks = of.map(({ lock }) => lock).join(", ");
  const had = got.map((one) => `${one.attempt.lock} by ${one.grantId}, fence ${String(one.fence)}`);
  const atMs = got[0]?.atMs ?? 0;
  const what = `${String(of[0]?.set)} asked for ${locks} together, and was granted at ${ms(atMs)} ${had.join("; ")}`;
  return { rule: "together", atMs, ops: of.map(({ op }) => op), what };
}

/** The markers of a set: each of its locks whose pool has a delay is granted only with one. */
import { markAsNeeded, type MarkFor, type Marked } from "./marks.ts";
import type { StepParts } from "./step-parts.ts";
import type { ContenderValue } from "./contender.ts";
import type { SetMember } from "./set-member.ts";

interface MarksFor extends Pick<MarkFor, "isWanted" | "silent"> {
  readonly tell: (member: SetMember) => ContenderValue;
}

/** Undefined: all have those that they need. */
export async function markMembers(
  parts: StepParts,
  members: readonly SetMember[],
  { tell, ...rest }: MarksFor,
): Promise<Exclude<Marked, { readonly kind: "marked" }> | undefined> {
  for (;;) {
    const marking = members.flatMap((member) => {
      const { lock, place } = member;
      if (place === undefined) return [];
      return markAsNeeded(parts, place, { lock, tell: () => tell(member), ...rest });
    });
    const marked = await Promise.all(marking);
    const failed =
      marked.find((one) => one?.kind === "refused") ?? marked.find((one) => one?.kind === "gone");
    // While one was put, another's pool may have come to have a delay.
    if (failed !== undefined || marked.every((one) => one === undefined)) return failed;
  }
}

/**
 * Taking a lock from its holder. What becomes of it may be unknown: the holder may have been asked, or its place deleted, though
 * no answer came.
 *
 *   asked ─▶ answered
 *     └─(no answer, 504)─▶ with a fence: asked once more, for that means one holder and never who came after it ─▶ answered
 *                      └─▶ without: told as unknown. Who holds the lock by then may be the next, whom nobody meant
 *
 * Once the first may have been carried out, nothing that is said of the second but its success says that nothing was done.
 */
import { waiting, type Calls } from "./calls.ts";
import { durationMs, durationText, type Duration } from "./duration.ts";
import { HoldfastError } from "./error.ts";
import { formatDuration } from "./generated/duration.ts";
import type { ForceReleased } from "./generated/operations.ts";
import { anyText, checkOptions, duration, trueOrFalse, type KindsOf } from "./options.ts";

export interface ForceOptions {
  /** How long the holder has to give the lock back by itself. Unset: no time. */
  readonly grace?: Duration | undefined;
  /** How long to wait for the lock to be free of that holder. Unset: not at all, and `requested` is the best that is answered. */
  readonly wait?: Duration | undefined;
  /** Only the holder with this fence, as `get` shows it. Unset: whoever holds the lock, all of them where it is shared. */
  readonly fence?: string | undefined;
  /**
   * Deletes the holder's place at once, whatever was guaranteed to it: two may then believe that they hold the lock, and only the
   * fence protects. Asks nobody, so it has no grace.
   */
  readonly breakGuarantee?: boolean | undefined;
}

const kinds: KindsOf<ForceOptions> = {
  grace: duration,
  wait: duration,
  fence: anyText,
  breakGuarantee: trueOrFalse,
};

interface Path {
  readonly pool: string;
  readonly name: string;
}

/** @throws HoldfastError `outcome_unknown` where it may have been done; what refused it */
export async function forceRelease(
  calls: Calls,
  path: Path,
  options: ForceOptions,
): Promise<ForceReleased> {
  checkOptions("forceRelease()", options, kinds);
  const { wait = 0 } = options;
  const waitsMs = durationMs("wait", wait);
  const untilMs = calls.clock.now() + waitsMs;
  const ask = (waitMs: number) => {
    const fields = {
      ...fieldsOf(options),
      ...(waitMs < 1 ? {} : { wait: formatDuration(waitMs) }),
    };
    return calls.ask("forceRelease", { path, fields }, waiting(waitMs));
  };
  const first = await ask(waitsMs);
  const isOpen = first.kind === "unknown";
  const mayAsk = isOpen && options.fence !== undefined;
  const told = mayAsk ? await ask(Math.max(0, untilMs - calls.clock.now())) : first;
  if (told.kind === "done") return told.value;
  if (isOpen) throw unknown(path, options, first.error);
  if (told.kind === "left") throw new Error("nobody could leave this request");
  throw told.error;
}

function fieldsOf({ grace, fence, breakGuarantee }: ForceOptions) {
  return {
    ...(grace === undefined ? {} : { grace: durationText("grace", grace) }),
    ...(fence === undefined ? {} : { fence }),
    ...(breakGuarantee === undefined ? {} : { breakGuarantee }),
  };
}

function unknown({ pool, name }: Path, { fence }: ForceOptions, cause: HoldfastError) {
  const again =
    fence === undefined
      ? "It was not asked again: by now somebody else may hold the lock. Look who does, and ask again with the fence of whom you mean."
      : "Ask again: with a fence that ends nobody else.";
  const lock = `${pool}/${name}`;
  return new HoldfastError(
    "outcome_unknown",
    `It is not known whether the lock '${lock}' was taken from its holder. ${again} (${cause.message})`,
    { status: cause.status, facts: { ...cause.facts, lock }, cause },
  );
}

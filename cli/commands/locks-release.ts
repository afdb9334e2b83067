/**
 * `holdfast locks release --force`: takes a lock from its holder. Without --force nothing is asked: it says what it would do.
 *
 *   asked ─▶ free of that holder (0) ─ or ─▶ the holder is not gone when the wait is over (3)
 *   broken (0): its place is deleted at once, and only the fence protects
 */
import { formatDuration, parseDurationMs } from "#api/fields/duration.ts";
import { connect, type ForceReleased, type Holder, type LostHolder } from "#client/holdfast.ts";
import { urlFlag, UsageError, type Command, type Given } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { program } from "../help.ts";
import { lockArgument, lockNameOf } from "../lock-name.ts";
import { jsonFlag } from "../output.ts";
import { plain } from "../table.ts";

const graceUnset = "0s";
/** The longest that the API waits. */
const waitMax = "10m";
/** Beyond the grace, unless another wait is asked for: what was guaranteed to a holder has run out by then, as a rule. */
const waitBeyondGraceMs = 15_000;

export const locksRelease: Command = {
  words: ["locks", "release"],
  usage: `${lockArgument} --force [flags]`,
  takes: [lockArgument],
  summary: "takes a lock from its holder, by force",
  prose: [
    "The holder is told, and may give the lock back within --grace; then its grant ends, whatever renews it, and the lock is free when what was guaranteed to the holder has run out: no two hold it. Whoever waits is next. It needs a pod that the pool's spec.admin lets.",
    "A sidecar that does not answer keeps the lock until its session ends, some seconds later. Who cannot wait for that says --break-guarantee: the holder's place is deleted at once, and two may then believe that they hold the lock. Only the fence protects then.",
    "Codes: 0 the lock is free of that holder, or nobody held it, or its place was deleted; 3 the holder was asked, and has not gone yet; 1 it failed, or it is not known what came of it; 2 it was called wrongly, or without --force.",
  ],
  flags: [
    { name: "force", prose: "Do it. Without it nothing is done, and what would be is told." },
    {
      name: "grace",
      value: "DURATION",
      kind: "duration",
      unset: graceUnset,
      prose: "How long the holder has to give the lock back by itself.",
    },
    {
      name: "wait",
      value: "DURATION",
      kind: "duration",
      unset: `the grace and ${formatDuration(waitBeyondGraceMs)}, at most ${waitMax}`,
      prose: "How long to wait for the lock to be free of that holder; 0s only asks.",
    },
    {
      name: "fence",
      value: "FENCE",
      kind: "fence",
      unset: "whoever holds the lock",
      prose: `Only the holder with this fence, as '${program} locks get' shows it: never the next one.`,
    },
    {
      name: "break-guarantee",
      prose: "Delete the holder's place at once, whatever was guaranteed to it.",
    },
    jsonFlag,
    urlFlag,
  ],
  examples: [
    "holdfast locks release orders/42 --force --grace 30s",
    "holdfast locks release orders/42 --force --fence 1158168969530703872",
    "holdfast locks release orders/42 --force --break-guarantee -o json",
  ],
  codes: { usage: exitCodes.usage, failed: exitCodes.failed },
  async run({ args: [text = ""], flags, io }) {
    const { pool, name } = lockNameOf(text);
    const breakGuarantee = flags.has("break-guarantee");
    if (breakGuarantee) refuseWaits(flags);
    if (!flags.has("force")) throw new UsageError(whatItWouldDo(text, flags));
    const graceMs = parseDurationMs(flags.text("grace") ?? graceUnset);
    const wait = flags.text("wait") ?? (breakGuarantee ? "0s" : waitUnset(graceMs));
    const fence = flags.text("fence");
    const holdfast = connect({ url: flags.text("url") });
    try {
      const options = {
        wait,
        fence,
        ...(breakGuarantee ? { breakGuarantee } : { grace: graceMs }),
      };
      const locks = holdfast.locks(pool);
      const forced = await locks.forceRelease(name, options);
      if (flags.has("output")) io.out(`${JSON.stringify(forced, undefined, 2)}\n`);
      else {
        const { lost = [], reserved = [] } =
          forced.outcome === "vacant" ? await locks.get(name) : {};
        const kept = [...lost.map(keptForLost), ...reserved.map(keptForSet)];
        io.out(`${plain([told(forced, fence), ...kept].join(" "))}\n`);
      }
      if (forced.warning !== undefined) io.err(`${program}: ${forced.warning}\n`);
      return forced.outcome === "requested" ? exitCodes.requested : 0;
    } finally {
      await holdfast.close();
    }
  },
};

function refuseWaits(flags: Given): void {
  for (const name of ["grace", "wait"])
    if (flags.has(name))
      throw new UsageError(
        `--${name} is for a holder that is asked, and --break-guarantee asks nobody: leave one of them out.`,
      );
}

function waitUnset(graceMs: number): string {
  return formatDuration(Math.min(graceMs + waitBeyondGraceMs, parseDurationMs(waitMax)));
}

function whatItWouldDo(lock: string, flags: Given): string {
  const fence = flags.text("fence");
  const whom = fence === undefined ? "whoever holds it" : `the holder with fence ${fence}`;
  const how = flags.has("break-guarantee")
    ? "at once, whatever was guaranteed: two may then believe that they hold it"
    : `after a grace of ${flags.text("grace") ?? graceUnset}`;
  const given = ["grace", "wait", "fence", "break-guarantee", "output", "url"].flatMap((name) => {
    if (!flags.has(name)) return [];
    const text = flags.text(name);
    return name === "break-guarantee" ? `--${name}` : `--${name} ${quoted(text ?? "")}`;
  });
  const written = [program, "locks release", quoted(lock), "--force", ...given].join(" ");
  return `Nothing was done. This would take the lock '${lock}' from ${whom}, ${how}. To do it, write: ${written}`;
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function told({ lock, outcome, holders }: ForceReleased, fence: string | undefined): string {
  const who = holders.map(named).join(", ") || "a set of locks that reserved it";
  switch (outcome) {
    case "vacant": {
      const under = fence === undefined ? "" : ` under the fence ${fence}`;
      return `Nobody holds the lock '${lock}'${under}.`;
    }
    case "requested":
      return `The lock '${lock}' was asked for, and is not free yet of ${who}. '${program} locks get ${quoted(lock)}' shows when it is.`;
    case "released":
      return `The lock '${lock}' is free of ${who}.`;
    case "broken":
      return `The lock '${lock}' was taken from ${who}.`;
  }
}

function keptForSet({ holder, pod }: Pick<Holder, "holder" | "pod">): string {
  return `It is reserved for ${holder} (${pod}), who waits for other locks, too, and is granted all of them or none.`;
}

function keptForLost(holder: LostHolder): string {
  return `It is kept until ${holder.until} for the sake of ${named(holder)}, who was lost (spec.lockDelay): nothing shortens that.`;
}

function named({ holder, pod, fence }: Holder): string {
  return holder === pod ? `${holder} (fence ${fence})` : `${holder} (${pod}, fence ${fence})`;
}

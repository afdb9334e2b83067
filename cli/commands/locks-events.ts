/** `holdfast locks events`: who holds a lock, as it changes. */
import { connect, type LockEvent } from "#client/holdfast.ts";
import { urlFlag, type Command, type Flag } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { lockArgument, lockNameOf } from "../lock-name.ts";
import { jsonFlag } from "../output.ts";
import { plain } from "../table.ts";

const formFlag: Flag = { ...jsonFlag, prose: "json: an object a line." };

export const locksEvents: Command = {
  words: ["locks", "events"],
  usage: `${lockArgument} [flags]`,
  takes: [lockArgument],
  summary: "tells who holds a lock, as it changes, until it is stopped",
  prose: [
    "The first line is how it is, then comes a line for each change. 'unseen' says that the sidecar or etcd does not answer: what was told last may be over. Who was lost, and for whose sake the lock is kept from the next (spec.lockDelay), is told behind it.",
  ],
  flags: [formFlag, urlFlag],
  examples: [
    "holdfast locks events leaders/mailer",
    "holdfast locks events leaders/mailer -o json",
  ],
  codes: { usage: exitCodes.usage, failed: exitCodes.failed },
  async run({ args: [text = ""], flags, io }) {
    const { pool, name } = lockNameOf(text);
    const holdfast = connect({ url: flags.text("url") });
    try {
      for await (const event of holdfast.locks(pool).events(name)) {
        const line = flags.has("output") ? JSON.stringify(event) : lineOf(event);
        io.out(`${line}\n`);
      }
      return 0;
    } finally {
      await holdfast.close();
    }
  },
};

function lineOf(event: LockEvent): string {
  const at = new Date().toISOString();
  if (event.kind === "unseen") return `${at} unseen`;
  const kept = (event.lost ?? []).map(
    ({ holder, pod, until }) => `; ${holder} (${pod}) was lost, kept until ${until}`,
  );
  if (event.kind === "vacant") return plain(`${at} vacant${kept.join("")}`);
  const holders = event.holders.map(({ holder, pod, fence, metadata = {} }) => {
    const pairs = Object.entries(metadata).map(([key, value]) => `, ${key}=${value}`);
    return `${holder} (${pod}, fence ${fence}${pairs.join("")})`;
  });
  return plain(`${at} holder ${holders.join(", ")}${kept.join("")}`);
}

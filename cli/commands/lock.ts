/**
 * `holdfast lock`: runs a command while a lock is held.
 *
 *   waiting ──▶ running ──▶ giving back ──▶ over
 *      │           └─ the lock is lost: the command is ended, and the code says so
 *      └──▶ over   not granted, or a signal came: what was granted meanwhile is given back by the client
 */
import process from "node:process";
import { connect, HoldfastError, type Grant, type Holdfast } from "#client/holdfast.ts";
import { parseDurationMs } from "#api/fields/duration.ts";
import { Child, codeOf } from "../child/child.ts";
import { Progress } from "../child/progress.ts";
import { comesFromTerminal, Signals } from "../child/signals.ts";
import { urlFlag, type Call, type Command } from "../command.ts";
import { exitCodes } from "../exit-codes.ts";
import { lockArgument, lockNameOf, type LockName } from "../lock-name.ts";

const waitUnset = "1m";
const graceUnset = "5s";

export const lock: Command = {
  words: ["lock"],
  usage: `${lockArgument} [flags] -- COMMAND [ARGUMENT…]`,
  takes: [lockArgument],
  rest: "COMMAND",
  summary: "runs a command while a lock is held",
  prose: [
    "It waits for the lock, runs the command, keeps the lock for as long as that runs, gives it back, and ends as the command did (128 and the signal's number, where a signal ended it).",
    "The command finds the lock in HOLDFAST_LOCK, its fence in HOLDFAST_FENCE and its grant in HOLDFAST_GRANT. Compare the fence where the data is: a command that stood still cannot be kept from writing late.",
    "Where the lock is lost, the command is sent SIGTERM, and SIGKILL after --grace. SIGTERM, SIGINT, SIGHUP and SIGQUIT are passed on to the command. They reach the command itself, and not what a shell started for it: write exec in the shell.",
    "Codes of its own: 123 the lock was lost while the command ran, 124 it was not granted in time, 125 the sidecar was not reached or said no, or the command line is wrong, 126 the command cannot be run, 127 there is no such command.",
  ],
  flags: [
    {
      name: "wait",
      value: "DURATION",
      kind: "duration",
      unset: waitUnset,
      prose: "How long to wait for the lock; 0s only tries. The pool has a limit.",
    },
    {
      name: "ttl",
      value: "DURATION",
      kind: "duration",
      unset: "the pool's",
      prose: "How long the lock is kept when this process is killed. It is renewed until then.",
    },
    { name: "shared", prose: "Hold it with others that do: of a pool with mode ReadWrite." },
    {
      name: "permits",
      value: "COUNT",
      kind: "count",
      unset: "1",
      prose: "Take so many permits, or none: of a pool with mode Semaphore.",
    },
    { name: "holder", value: "TEXT", unset: "the pod's name", prose: "Who holds, for people." },
    {
      name: "metadata",
      value: "NAME=TEXT",
      kind: "pair",
      again: true,
      prose: "Shown to who looks at the lock; may be given again.",
    },
    {
      name: "on-jeopardy",
      value: "end|continue",
      kind: ["end", "continue"],
      unset: "continue",
      prose:
        "What to do when the sidecar does not answer and a quarter of the guarantee is left. end: end the command while nobody else can have the lock.",
    },
    {
      name: "grace",
      value: "DURATION",
      kind: "duration",
      unset: graceUnset,
      prose: "How long the command may take to end after SIGTERM, before it is killed.",
    },
    urlFlag,
  ],
  examples: [
    "holdfast lock orders/42 -- ./charge.sh 42",
    "holdfast lock jobs/nightly --wait 0s -- ./report.sh   # one of all replicas runs it",
    "holdfast lock licences/cad --permits 2 --wait 10m -- render scene.blend",
    `holdfast lock orders/42 -- sh -c 'exec psql -v fence="$HOLDFAST_FENCE" -f pay.sql'`,
  ],
  codes: { usage: exitCodes.refused, failed: exitCodes.refused },
  async run(call) {
    const { args, flags, io } = call;
    const [text = ""] = args;
    const wanted = lockNameOf(text);
    using signals = new Signals();
    const holdfast = connect({
      url: flags.text("url"),
      onWarning: ({ message }) => io.err(`holdfast: ${message}\n`),
    });
    try {
      const got = await acquire(holdfast, wanted, { call, signals });
      if (typeof got === "number") return got;
      return await runUnder(got, call, signals);
    } finally {
      signals.tell(() => undefined);
      await holdfast.close();
    }
  },
};

interface Around {
  readonly call: Call;
  readonly signals: Signals;
}

/** The grant, or the code to end with. */
async function acquire(
  holdfast: Holdfast,
  { pool, name }: LockName,
  { call, signals }: Around,
): Promise<Grant | number> {
  const { flags, io } = call;
  const leaving = new AbortController();
  let left: number | undefined;
  signals.tell((signal) => {
    left = codeOf(signal);
    leaving.abort();
  });
  const locks = holdfast.locks(pool);
  const wait = flags.text("wait") ?? waitUnset;
  const look = () => locks.get(name);
  const write = (text: string) => io.err(text);
  const lock = `${pool}/${name}`;
  using _progress = io.errIsTerminal ? new Progress({ lock, wait, look, write }) : undefined;
  try {
    return await locks.acquire(name, {
      wait,
      ttl: flags.text("ttl"),
      mode: flags.has("shared") ? "shared" : undefined,
      permits: flags.has("permits") ? Number(flags.text("permits")) : undefined,
      holder: flags.text("holder"),
      metadata: metadataOf(flags.all("metadata")),
      signal: leaving.signal,
      abortOn: "jeopardy",
    });
  } catch (error) {
    if (left !== undefined) return left;
    if (!HoldfastError.is(error, "lock_held")) throw error;
    io.err(`holdfast: ${error.message}\n`);
    return exitCodes.notGranted;
  }
}

function metadataOf(pairs: readonly string[]): Record<string, string> | undefined {
  if (pairs.length === 0) return undefined;
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf("=");
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

async function runUnder(grant: Grant, call: Call, signals: Signals): Promise<number> {
  const { flags, io, rest } = call;
  const env = {
    ...process.env,
    HOLDFAST_LOCK: grant.lock,
    HOLDFAST_FENCE: grant.fence,
    HOLDFAST_GRANT: grant.grantId,
  };
  const child = new Child(rest, env);
  signals.tell((signal) => {
    if (!comesFromTerminal(signal, io.inIsTerminal)) child.tell(signal);
  });
  const say = (message: string): void => io.err(`holdfast: ${message}\n`);
  const ending = endsWith(grant, child, {
    graceMs: parseDurationMs(flags.text("grace") ?? graceUnset),
    endsInJeopardy: flags.text("on-jeopardy") === "end",
    say,
  });
  const over = await child.over;
  signals.tell(() => undefined);
  if (over.kind === "unstarted") say(over.why);
  const { loss } = grant;
  if (loss !== undefined && !ending.isTold) say(loss.message);
  await grant.release().catch((error: unknown) => say((error as Error).message));
  return ending.isTold || loss !== undefined ? exitCodes.lost : over.code;
}

interface Manner {
  readonly graceMs: number;
  readonly endsInJeopardy: boolean;
  readonly say: (message: string) => void;
}

/** Ends the child when the lock is lost, or about to be. `isTold`: it did. */
function endsWith(grant: Grant, child: Child, { graceMs, endsInJeopardy, say }: Manner) {
  const ending = { isTold: false };
  const end = (why: string, withinMs: number): void => {
    if (child.isOver) return;
    ending.isTold = true;
    say(`${why} The command is ended.`);
    child.end(withinMs);
  };
  const onJeopardy = (): void => {
    // Where the lock is lost without a warning, the signal aborts, too.
    if (!grant.isHeld) return;
    const why = (grant.signal.reason as Error).message;
    // It has to be over before somebody else may hold the lock.
    if (endsInJeopardy) end(why, Math.min(graceMs, grant.guaranteedForMs / 2));
    else say(why);
  };
  if (grant.signal.aborted) onJeopardy();
  else grant.signal.addEventListener("abort", onJeopardy, { once: true });
  // Its grace was before the loss, where it was warned.
  void grant.lost.then(({ message }) => end(message, ending.isTold ? 0 : graceMs));
  return ending;
}

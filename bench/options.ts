/** What `make bench` may be told, from the environment, where make puts its variables. */

export interface Options {
  /** Of each measurement. */
  readonly seconds: number;
  readonly rounds: number;
  /** Absent: each comparison's own. */
  readonly callers: readonly number[] | undefined;
  /** A part of the title, in small letters; absent: all. */
  readonly only: string | undefined;
  /** The sidecar's profile of the processor is written here; absent: none. It slows the sidecar down. */
  readonly profileFolder: string | undefined;
  /** Everything, as it is kept. */
  readonly isWhole: boolean;
}

const secondsMax = 600;
const roundsMax = 100;
const callersMax = 4_096;

export class Unusable extends Error {
  override readonly name = "Unusable";
}

export function optionsFrom(env: Readonly<Record<string, string | undefined>>): Options {
  const text = (name: string, absent: string): string => {
    const value = env[name] ?? "";
    return value === "" ? absent : value;
  };
  const number = (name: string, value: string, max: number): number => {
    const parsed = Number(value);
    if (parsed > 0 && parsed <= max) return parsed;
    throw new Unusable(`${name}=${value} is not a number above 0, at most ${max}`);
  };
  const given = (name: string) => (text(name, "") === "" ? undefined : text(name, ""));
  const [callers, only, profileFolder] = [given("CALLERS"), given("ONLY"), given("PROFILE")];
  return {
    seconds: number("SECONDS", text("SECONDS", "3"), secondsMax),
    rounds: Math.ceil(number("ROUNDS", text("ROUNDS", "5"), roundsMax)),
    callers: callers?.split(",").map((one) => Math.ceil(number("CALLERS", one, callersMax))),
    only: only?.toLowerCase(),
    profileFolder,
    isWhole: [callers, only, profileFolder].every((one) => one === undefined),
  };
}

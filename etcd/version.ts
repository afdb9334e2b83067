/**
 * Which servers are good enough. All that is 3.4 or later works; below the floors are known faults (events lost, stale
 * reads, permissions not checked), and below the lower ones exclusion itself is not proven.
 */

interface Floor {
  /** `major.minor` → the first patch without the faults. Lines above the last are good, lines below the first are not. */
  readonly [line: string]: number;
}

const soundFloor: Floor = { "3.5": 33, "3.6": 14, "3.7": 1 };
const exclusionFloor: Floor = { "3.4": 31, "3.5": 13 };
/** Before, a server told progress that overtook events. */
const progressFloor: Floor = { "3.4": 25, "3.5": 8 };

const soundText = "3.5.33, 3.6.14 or 3.7.1";
const exclusionText = "3.4.31 or 3.5.13";

export interface VersionJudgement {
  /** sound: nothing is known against it · faulty: it works, with known faults · unproven: two may hold one lock. */
  readonly soundness: "sound" | "faulty" | "unproven" | "unknown";
  /** What people should be told of; undefined: nothing. */
  readonly warning: string | undefined;
  /** Whether what a watch calls progress can be taken for the revision that it reached. */
  readonly exactProgress: boolean;
}

/** `version` as the server tells it; undefined where it did not. */
export function judgeVersion(version: string | undefined): VersionJudgement {
  const parsed = version === undefined ? undefined : parse(version);
  if (version === undefined || parsed === undefined) {
    const told = version === undefined ? "does not tell its version" : `calls itself '${version}'`;
    return {
      soundness: "unknown",
      warning: `etcd ${told}: nothing is known of its faults. Use ${soundText} or later.`,
      exactProgress: false,
    };
  }
  const soundness = soundnessOf(parsed);
  const exactProgress = reaches(parsed, progressFloor);
  return { soundness, warning: warningOn(version, soundness), exactProgress };
}

/** Negative: `a` is the older one. Texts that are no versions are the oldest. */
export function compareVersions(a: string, b: string): number {
  const none = { major: -1, minor: 0, patch: 0 };
  const [first, second] = [parse(a) ?? none, parse(b) ?? none];
  return first.major - second.major || first.minor - second.minor || first.patch - second.patch;
}

interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

function soundnessOf(parsed: Version): "sound" | "faulty" | "unproven" {
  if (!reaches(parsed, exclusionFloor)) return "unproven";
  return reaches(parsed, soundFloor) ? "sound" : "faulty";
}

function warningOn(
  version: string,
  soundness: "sound" | "faulty" | "unproven",
): string | undefined {
  switch (soundness) {
    case "sound":
      return undefined;
    case "faulty":
      return (
        `etcd ${version} has known faults (events lost, stale reads, permissions not checked). ` +
        `Use ${soundText} or later.`
      );
    case "unproven":
      return (
        `etcd ${version} is older than ${exclusionText}: that two holders never have one lock at a time ` +
        `is not proven there. Use ${soundText} or later.`
      );
    default:
      return soundness satisfies never;
  }
}

function parse(version: string): Version | undefined {
  const found = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (found === null) return undefined;
  const [major = 0, minor = 0, patch = 0] = found.slice(1).map(Number);
  return { major, minor, patch };
}

function reaches({ major, minor, patch }: Version, floor: Floor): boolean {
  const known = floor[`${major}.${minor}`];
  if (known !== undefined) return patch >= known;
  const lines = Object.keys(floor).map((line) => line.split(".").map(Number));
  return lines.every(([itsMajor = 0, itsMinor = 0]) => {
    return major > itsMajor || (major === itsMajor && minor > itsMinor);
  });
}

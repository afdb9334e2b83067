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
      warning: `etcd ${told}: nothing is known of its faults. Use ${soundText} or later.`,
      exactProgress: false,
    };
  }
  return { warning: warningOn(version, parsed), exactProgress: reaches(parsed, progressFloor) };
}

interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

function warningOn(version: string, parsed: Version): string | undefined {
  if (!reaches(parsed, exclusionFloor)) {
    return (
      `etcd ${version} is older than ${exclusionText}: that two holders never have one lock at a time ` +
      `is not proven there. Use ${soundText} or later.`
    );
  }
  if (!reaches(parsed, soundFloor)) {
    return (
      `etcd ${version} has known faults (events lost, stale reads, permissions not checked). ` +
      `Use ${soundText} or later.`
    );
  }
  return undefined;
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

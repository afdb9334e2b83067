/**
 * The annotations by which a pod changes its sidecar: each one here and nowhere else. They are read strictly, and one
 * that is not known is refused: a limit that is spelt wrong would be a limit that is not there.
 */
import { durationExamples, formatDuration, readDurationMs } from "#api/fields/duration.ts";
import { nearest } from "#api/fields/nearest.ts";
import { quote } from "#api/fields/text.ts";
import { group, injectionAnnotation, injectLabel, ports } from "#api/names.ts";
import { logLevels } from "#host/log.ts";
import { readBytes, readMillicores } from "./quantity.ts";
import { refuse, type Refused } from "./reasons.ts";

const prefix = `${group}/`;

interface Setting {
  /** For the reference page. */
  readonly about: string;
  readonly takes: string;
  /** Undefined: what the operator says. */
  readonly default: string | undefined;
  /** What is wrong with it, completing "'x' …"; undefined: nothing. */
  readonly problem: (text: string, bounds: Bounds) => string | undefined;
}

export interface Bounds {
  /** No sidecar's session is longer than the operator waits after etcd has begun anew. */
  readonly sessionTtlMaxMs: number;
}

const mebibyte = 1_024 ** 2;
const sessionTtlMinMs = 3_000;
const portMin = 1_024;
const memoryLimitMin = 96 * mebibyte;

export const settings = {
  "cpu-request": cpu("How much CPU the scheduler keeps for the sidecar.", "10m", 1),
  "cpu-limit": cpu(
    "How much CPU the sidecar may take. A heartbeat that has to wait for it is a lost session.",
    "1",
    100,
  ),
  "memory-request": memory("How much memory the scheduler keeps for the sidecar.", "64Mi", {
    least: mebibyte,
    said: "1Mi",
  }),
  "memory-limit": memory("Above this the kernel ends the sidecar.", "192Mi", {
    least: memoryLimitMin,
    said: "96Mi",
  }),
  "log-level": {
    about: "The least level that the sidecar logs.",
    takes: logLevels.join(", "),
    default: "info",
    problem: (text) =>
      logLevels.some((level) => level === text) ? undefined : `is none of ${logLevels.join(", ")}`,
  },
  image: {
    about: "The sidecar's image: for trying another version on one workload.",
    takes: "an image with tag or digest",
    default: undefined,
    problem: (text) =>
      text.length <= imageCharsMax && imagePattern.test(text)
        ? undefined
        : "is no image with tag or digest, such as registry.example/holdfast-sidecar:1.2.3",
  },
  "http-port": port("Where the HTTP API is on localhost.", ports.http),
  "health-port": port("Where the kubelet asks for health, and where metrics are.", ports.health),
  admin: {
    about:
      "Lets the pod force a release where a pool says `admin: Annotated`: a guard against accidents.",
    takes: "enabled",
    default: undefined,
    problem: (text) => (text === "enabled" ? undefined : "is not 'enabled'; leave it out for no"),
  },
  "session-ttl": {
    about: "How long locks stay held after the sidecar is gone without a word.",
    takes: `a duration from ${formatDuration(sessionTtlMinMs)} to the operator's \`HOLDFAST_SESSION_TTL\``,
    default: undefined,
    problem: (text, { sessionTtlMaxMs }) => {
      const ms = readDurationMs(text);
      if (ms === undefined) return `is no duration; write it as in ${durationExamples}`;
      if (ms < sessionTtlMinMs) return `is less than ${formatDuration(sessionTtlMinMs)}`;
      return ms > sessionTtlMaxMs
        ? `is more than ${formatDuration(sessionTtlMaxMs)}, the longest session that the operator allows for (HOLDFAST_SESSION_TTL)`
        : undefined;
    },
  },
} as const satisfies Readonly<Record<string, Setting>>;

const imageCharsMax = 512;
/** A name, with a registry where there is one, and then a tag, a digest, or both. */
const imagePattern =
  /^[a-zA-Z0-9][-a-zA-Z0-9._]*(:\d{1,5})?(\/[a-z0-9][-a-z0-9._]*)*(:[\w][-\w.]{0,127}|(:[\w][-\w.]{0,127})?@sha256:[0-9a-f]{64})$/;

export type SettingName = keyof typeof settings;
/** As they were written. */
export type Settings = { readonly [Name in SettingName]?: string };

export const settingNames = Object.keys(settings) as readonly SettingName[];

export function annotationOf(name: SettingName): string {
  return `${prefix}${name}`;
}

export type SettingsRead = { readonly kind: "read"; readonly settings: Settings } | Refused;

export function readSettings(
  annotations: Readonly<Record<string, string>>,
  bounds: Bounds,
): SettingsRead {
  const found: Partial<Record<SettingName, string>> = {};
  // In an order of our own: the same pod is always told the same.
  for (const key of Object.keys(annotations).sort()) {
    if (!key.startsWith(prefix) || key === injectionAnnotation) continue;
    const name = settingNames.find((one) => annotationOf(one) === key);
    if (name === undefined) return unknownAnnotation(key);
    const text = annotations[key] ?? "";
    const problem = settings[name].problem(text, bounds);
    if (problem !== undefined) return malformed(name, `${quote(text)} ${problem}`);
    found[name] = text;
  }
  return togetherProblem(found) ?? { kind: "read", settings: found };
}

function unknownAnnotation(key: string): Refused {
  if (key === injectLabel)
    return refuse(
      "UnknownAnnotation",
      `'${key}' is a label, and stands among the pod's annotations. Move it to the labels, or remove it.`,
    );
  const like = nearest(key, settingNames.map(annotationOf));
  const meant = like === undefined ? "" : ` Did you mean '${like}'?`;
  return refuse(
    "UnknownAnnotation",
    `The annotation ${quote(key)} is none of Holdfast's.${meant} Correct or remove it; known are ${settingNames.map(annotationOf).join(", ")}.`,
  );
}

function malformed(name: SettingName, problem: string): Refused {
  return refuse(
    "MalformedAnnotation",
    `The annotation '${annotationOf(name)}': ${problem}. Correct or remove it.`,
  );
}

/** What no annotation can see alone. */
function togetherProblem(found: Settings): Refused | undefined {
  const with_ = (name: SettingName): string => found[name] ?? settings[name].default ?? "";
  const above = (request: SettingName, limit: SettingName, read: typeof readBytes) =>
    (read(with_(request)) ?? 0) > (read(with_(limit)) ?? 0)
      ? malformed(
          found[request] === undefined ? limit : request,
          `the request, ${with_(request)}, is more than the limit, ${with_(limit)} ('${annotationOf(limit)}')`,
        )
      : undefined;
  const samePort =
    with_("http-port") === with_("health-port")
      ? malformed(
          found["http-port"] === undefined ? "health-port" : "http-port",
          `the sidecar needs two ports, and both would be ${with_("http-port")}`,
        )
      : undefined;
  return (
    above("cpu-request", "cpu-limit", readMillicores) ??
    above("memory-request", "memory-limit", readBytes) ??
    samePort
  );
}

function cpu(about: string, byDefault: string, leastMilli: number): Setting {
  return {
    about,
    takes: `cores from ${leastMilli}m, such as 250m or 1.5`,
    default: byDefault,
    problem: (text) => {
      const milli = readMillicores(text);
      if (milli === undefined) return "is no amount of CPU, such as 250m or 1.5";
      return milli < leastMilli ? `is less than ${leastMilli}m` : undefined;
    },
  };
}

function memory(
  about: string,
  byDefault: string,
  { least, said }: { readonly least: number; readonly said: string },
): Setting {
  return {
    about,
    takes: `bytes from ${said}, such as 256Mi`,
    default: byDefault,
    problem: (text) => {
      const bytes = readBytes(text);
      if (bytes === undefined) return "is no amount of memory, such as 256Mi";
      return bytes < least ? `is less than ${said}` : undefined;
    },
  };
}

function port(about: string, byDefault: number): Setting {
  return {
    about,
    takes: `a port from ${portMin} to 65535`,
    default: String(byDefault),
    problem: (text) =>
      /^[1-9]\d{3,4}$/.test(text) && Number(text) >= portMin && Number(text) <= 65_535
        ? undefined
        : `is no port from ${portMin} to 65535`,
  };
}

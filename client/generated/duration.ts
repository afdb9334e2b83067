/* Made from api/fields/duration.ts by `make generate`. Do not edit. */

/**
 * Durations as people write them: `500ms`, `5s`, `1m30s`, `1.5h`, the part of Go's syntax that is always a whole
 * number of milliseconds. There is no way to write "no bound": a field without a bound is absent.
 */

/** {@link readDurationMs} accepts exactly what this does, below {@link durationMsMax}. */
export const durationPattern = "^([0-9]+(\\.[0-9]{1,3})?(h|m|s)|[0-9]+ms)+$";
export const durationCharsMax = 32;
/** How one is written, for messages and pages. */
export const durationExamples = "500ms, 30s or 1h30m";
/** The longest duration that Go's own type holds, in whole milliseconds: what CEL can still compare. */
export const durationMsMax = 9_223_372_036_854;
/**
 * Every duration up to {@link durationMsComparable}, however it is written, and nothing above {@link durationMsMax}: CEL
 * cannot be asked whether it can read a duration, and its `duration()` fails on one that Go's type does not hold.
 */
export const durationPatternComparable =
  "^(0*[0-9]{1,5}(\\.[0-9]{1,3})?h|0*[0-9]{1,7}(\\.[0-9]{1,3})?m|0*[0-9]{1,9}(\\.[0-9]{1,3})?s|0*[0-9]{1,11}ms)+$";
export const durationMsComparable = 99_999_999_999;

const secondMs = 1_000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;

const codeOf = { "0": 48, "9": 57, ".": 46, h: 104, m: 109, s: 115 } as const;
const decimalsMax = 3;

/** Milliseconds, or undefined where the text is no duration. */
export function readDurationMs(text: string): number | undefined {
  const end = text.length;
  if (end === 0 || end > durationCharsMax) return undefined;
  let totalMs = 0;
  let at = 0;
  while (at < end) {
    // Digits are kept as one integer and divided last, so that 0.1s is 100 and not 100.00000000000001.
    let digits = 0;
    let digitCount = 0;
    let code = text.charCodeAt(at);
    for (; code >= codeOf["0"] && code <= codeOf["9"]; code = text.charCodeAt(++at)) {
      digits = digits * 10 + (code - 48);
      digitCount++;
    }
    if (digitCount === 0 || digits > durationMsMax) return undefined;
    let decimals = 0;
    if (code === codeOf["."]) {
      code = text.charCodeAt(++at);
      for (; code >= codeOf["0"] && code <= codeOf["9"]; code = text.charCodeAt(++at)) {
        digits = digits * 10 + (code - 48);
        decimals++;
      }
      if (decimals === 0 || decimals > decimalsMax) return undefined;
    }
    const milliseconds = code === codeOf.m && text.charCodeAt(at + 1) === codeOf.s;
    const unitMs = milliseconds ? 1 : unitOf(code);
    if (unitMs === undefined || (milliseconds && decimals > 0)) return undefined;
    at += milliseconds ? 2 : 1;
    totalMs += (digits * unitMs) / 10 ** decimals;
    if (totalMs > durationMsMax) return undefined;
  }
  return totalMs;
}

function unitOf(code: number): number | undefined {
  if (code === codeOf.s) return secondMs;
  if (code === codeOf.m) return minuteMs;
  return code === codeOf.h ? hourMs : undefined;
}

/** Milliseconds of a duration that was checked before, such as a field of a spec. Throws RangeError. */
export function parseDurationMs(text: string): number {
  const ms = readDurationMs(text);
  if (ms === undefined) throw new RangeError(`'${text}' is no duration such as 500ms, 5s or 1m30s`);
  return ms;
}

/**
 * The shortest such text: `1h`, `1m30s`, `29.983s`, `500ms`, `0s`. Rounds down to whole milliseconds and a negative
 * rest to `0s`, so that a guarantee is never stated longer than it is. Throws RangeError where `ms` is not finite.
 */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) throw new RangeError(`${String(ms)} is no duration`);
  const wholeMs = Math.max(0, Math.floor(ms));
  if (wholeMs === 0) return "0s";
  if (wholeMs < secondMs) return `${String(wholeMs)}ms`;
  const hours = Math.floor(wholeMs / hourMs);
  const minutes = Math.floor((wholeMs % hourMs) / minuteMs);
  const seconds = (wholeMs % minuteMs) / secondMs;
  return (
    (hours > 0 ? `${String(hours)}h` : "") +
    (minutes > 0 ? `${String(minutes)}m` : "") +
    (seconds > 0 ? `${String(seconds)}s` : "")
  );
}

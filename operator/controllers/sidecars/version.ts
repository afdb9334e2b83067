/** Which of two versions of ours came before: by the rules of Semantic Versioning. */

interface Version {
  readonly numbers: readonly number[];
  /** Empty: a release. */
  readonly pre: readonly string[];
}

const pattern = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]{1,64}))?(?:\+.*)?$/;

/** Undefined: one of them is no version. */
export function isOlder(version: string, than: string): boolean | undefined {
  const [a, b] = [read(version), read(than)];
  if (a === undefined || b === undefined) return undefined;
  const byNumbers = firstNonZero(a.numbers.map((number, at) => number - (b.numbers[at] ?? 0)));
  return (byNumbers === 0 ? comparePre(a.pre, b.pre) : byNumbers) < 0;
}

function read(text: string): Version | undefined {
  const [, major, minor, patch, pre] = pattern.exec(text) ?? [];
  if (major === undefined) return undefined;
  return { numbers: [major, minor, patch].map(Number), pre: pre?.split(".") ?? [] };
}

/** What leads to a release comes before it. */
function comparePre(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return b.length - a.length;
  const parts = a.slice(0, b.length).map((part, at) => comparePart(part, b[at] ?? ""));
  return firstNonZero([...parts, a.length - b.length]);
}

/** Numbers come before words. */
function comparePart(a: string, b: string): number {
  const [isNumberA, isNumberB] = [a, b].map((part) => /^\d+$/.test(part));
  if (isNumberA === true && isNumberB === true) return Number(a) - Number(b);
  if (isNumberA !== isNumberB) return isNumberA === true ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function firstNonZero(values: readonly number[]): number {
  return values.find((value) => value !== 0) ?? 0;
}

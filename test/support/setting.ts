/** What is asked of a run by the environment. make exports a variable that nobody set as an empty one. */
import process from "node:process";

export function setting(name: string, usual: string): string {
  const { [name]: given = "" } = process.env;
  return given === "" ? usual : given;
}

const wrongCode = 2;

/** A number above 0. What is none ends the process with 2, in words for whoever called make. */
export function numberSetting(name: string, usual: string): number {
  return judged(name, usual, { pattern: /^\d{1,9}(\.\d{1,3})?$/, what: "a number above 0" });
}

/** A whole number from 1; as {@link numberSetting}. */
export function countSetting(name: string, usual: string): number {
  return judged(name, usual, { pattern: /^\d{1,9}$/, what: "a whole number from 1" });
}

interface Wanted {
  readonly pattern: RegExp;
  readonly what: string;
}

function judged(name: string, usual: string, { pattern, what }: Wanted): number {
  const given = setting(name, usual);
  if (pattern.test(given) && Number(given) > 0) return Number(given);
  console.error(`${name}=${given}: it is to be ${what}, such as ${name}=${usual}.`);
  process.exit(wrongCode);
}

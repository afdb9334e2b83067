/** What is asked of a run by the environment. make exports a variable that nobody set as an empty one. */
import process from "node:process";

export function setting(name: string, usual: string): string {
  const { [name]: given = "" } = process.env;
  return given === "" ? usual : given;
}

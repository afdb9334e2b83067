/** One command of a fetch, with its progress told while it runs. */
import { spawn } from "node:child_process";
import process from "node:process";

export type Say = (line: string) => void;

export interface Step {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Told every {@link progressMs}, with the seconds so far and the last line the command wrote. */
  readonly progress?: Say;
  readonly timeoutMs?: number;
}

const progressMs = 5_000;
const outputMaxChars = 64 * 1024;

/** What the command wrote to its standard output; throws, with the end of its error output, where it fails. */
export function run(step: Step): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(step.command, step.args, {
      cwd: step.folder,
      env: { ...process.env, ...step.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const startedAt = Date.now();
    let output = "";
    let errors = "";
    let timedOut = false;
    child.stdout
      .setEncoding("utf8")
      .on("data", (text: string) => (output = (output + text).slice(-outputMaxChars)));
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (errors = (errors + text).slice(-outputMaxChars)));
    const ticker = setInterval(() => {
      const seconds = Math.round((Date.now() - startedAt) / 1000);
      step.progress?.(`${seconds} s${lastLine(errors)}`);
    }, progressMs);
    const limit = setTimeout(
      () => {
        timedOut = true;
        child.kill("SIGKILL");
      },
      step.timeoutMs ?? 15 * 60_000,
    );
    const end = () => {
      clearInterval(ticker);
      clearTimeout(limit);
    };
    child.on("error", (error) => {
      end();
      reject(error);
    });
    child.on("close", (code, signal) => {
      end();
      if (code === 0) resolve(output);
      else {
        const why = timedOut ? "took too long" : `ended with ${String(code ?? signal)}`;
        reject(
          new Error(
            `${step.command} ${step.args.slice(0, 2).join(" ")} ${why}: ${errors.trim().slice(-400)}`,
          ),
        );
      }
    });
  });
}

/** The first line of what `command args` prints, or undefined where it cannot be run. */
export async function ask(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await run({ command, args, timeoutMs: 10_000 })).split("\n")[0];
  } catch {
    return undefined; // not there, or not runnable: both mean "look elsewhere"
  }
}

function lastLine(text: string): string {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  return line === "" ? "" : `, ${line.slice(0, 80)}`;
}

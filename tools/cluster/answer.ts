/** A program that is asked something: what it wrote, and how it ended. */
import { spawn } from "node:child_process";
import process from "node:process";

export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Asking {
  /** Beside this process's own. */
  readonly env: NodeJS.ProcessEnv;
  /** It is killed then. */
  readonly withinMs: number;
  /** What it reads; absent: nothing. */
  readonly input?: string | undefined;
}

export function answerOf(
  program: string,
  args: readonly string[],
  { env, withinMs, input = "" }: Asking,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
      timeout: withinMs,
      killSignal: "SIGKILL",
    });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code: code ?? -1, out, err });
    });
    // It may end before it has read all, or anything: its answer says why.
    child.stdin.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") reject(error);
    });
    child.stdin.end(input);
  });
}

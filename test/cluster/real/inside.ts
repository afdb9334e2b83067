/**
 * What somebody inside a pod can do: programs of this machine, run in the network of one of the pod's processes and with its
 * name server. So an attacker may bring any client, and no image has to hold it.
 */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";

const endsWithinMs = 20_000;

/** Of a program that has ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Asked {
  /** With scheme, host and port. */
  readonly url: string;
  readonly method?: "GET" | "POST";
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM; absent: whoever answers is believed. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** An answer, or why there was none: the error's code. */
export type Answered =
  { readonly status: number; readonly text: string } | { readonly failed: string };

/** Absent ends say nothing: a packet that is dropped must be told from a server that thinks. */
const asking = `
import http from "node:http";
import https from "node:https";
let text = "";
for await (const part of process.stdin) text += part;
const { url, method = "GET", body = "", headers = {}, ...tls } = JSON.parse(text);
const say = (answer) => process.stdout.write(JSON.stringify(answer), () => process.exit());
const request = (url.startsWith("https:") ? https : http).request(url, {
  method, headers, agent: false, timeout: 5_000, rejectUnauthorized: tls.ca !== undefined, ...tls,
});
request.on("timeout", () => say({ failed: "timeout" }));
request.on("error", ({ code, message }) => say({ failed: code ?? message }));
request.on("response", async (answer) => {
  let text = "";
  for await (const part of answer.setEncoding("utf8")) text += part;
  say({ status: answer.statusCode, text });
});
request.end(body);
`;

export class PodNetwork {
  readonly #pid: number;
  readonly #names: string;

  private constructor(pid: number, names: string) {
    this.#pid = pid;
    this.#names = names;
  }

  /** `folder`: for the name server's file. */
  static async of(pod: string, folder: string): Promise<PodNetwork> {
    const pid = processOf(pod);
    const names = path.join(folder, `resolv-of-${pod}.conf`);
    await writeFile(names, readFileSync(fileOf(pid, "etc/resolv.conf")));
    return new PodNetwork(pid, names);
  }

  run(program: string, args: readonly string[], input = ""): Promise<Ended> {
    const mounted = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    const around = [`--net=/proc/${this.#pid}/ns/net`, "--", "unshare", "--mount", "--"];
    const all = [...around, "sh", "-c", mounted, this.#names, program, ...args];
    return new Promise((resolve) => {
      const limits = { timeout: endsWithinMs, killSignal: "SIGKILL" } as const;
      const child = execFile("nsenter", all, limits, (error, out, err) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, out, err });
      });
      child.stdin?.end(input);
    });
  }

  async ask(asked: Asked): Promise<Answered> {
    const args = ["--input-type=module", "--eval", asking];
    const { out, err } = await this.run(process.execPath, args, JSON.stringify(asked));
    if (out === "") throw new Error(`no word of ${asked.url}: ${err}`);
    return JSON.parse(out) as Answered;
  }
}

/** A file as the process sees it, to be read from here. */
export const fileOf = (pid: number, file: string): string =>
  path.join("/proc", String(pid), "root", file);

/** Of any container of a pod without sidecar, or of its sidecar: all share one network. */
export function processOf(pod: string): number {
  const found = readdirSync("/proc").find((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
      return (
        variables.includes(`HOSTNAME=${pod}`) && variables.some((each) => /^KUBERNETES_/.test(each))
      );
    } catch {
      return false; // it has ended, or is the kernel's
    }
  });
  if (found === undefined) throw new Error(`no process of the pod ${pod} runs`);
  return Number(found);
}

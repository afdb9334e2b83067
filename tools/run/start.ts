/** Starts etcd and the sidecar of a plan, and waits until each serves. */
import http from "node:http";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "./child.ts";
import { etcdEndpoint, Unusable, type Plan } from "./plan.ts";

const readyWithinMs = 60_000;
const lookEveryMs = 25;
const answerWithinMs = 2_000;

export function startEtcd(program: string, plan: Plan): Child {
  const client = etcdEndpoint(plan);
  const peer = `http://127.0.0.1:${plan.etcdPeerPort}`;
  const args = [
    ["--name", "holdfast"],
    ["--data-dir", `${plan.dataFolder}/etcd`],
    ["--listen-client-urls", client],
    ["--advertise-client-urls", client],
    ["--listen-peer-urls", peer],
    ["--initial-advertise-peer-urls", peer],
    ["--initial-cluster", `holdfast=${peer}`],
    ["--log-level", "warn"],
  ].flat();
  // Our own ETCD_CLIENT_PORT would look like an option of etcd to it, and a user's ETCD_* are for another etcd.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD_")),
  );
  return new Child({
    name: "etcd",
    program,
    args,
    env,
    logFile: `${plan.dataFolder}/etcd.log`,
    shown: false,
  });
}

/** The sidecar's environment, on top of the user's. */
export function sidecarEnv(plan: Plan): Record<string, string> {
  return {
    HOLDFAST_RESOURCES: plan.resources,
    HOLDFAST_ETCD_ENDPOINTS: etcdEndpoint(plan),
    HOLDFAST_ETCD_MAINTENANCE: "true",
    HOLDFAST_HTTP_ADDRESS: `localhost:${plan.httpPort}`,
    HOLDFAST_HEALTH_ADDRESS: `localhost:${plan.healthPort}`,
  };
}

export function startSidecar(plan: Plan): Child {
  return new Child({
    name: "sidecar",
    program: process.execPath,
    args: ["sidecar/main.ts"],
    env: {
      // It writes to us, and we to the terminal, where there is one.
      HOLDFAST_LOG_FORMAT: process.stderr.isTTY ? "text" : "json",
      ...process.env,
      ...sidecarEnv(plan),
    },
    logFile: `${plan.dataFolder}/sidecar.log`,
    shown: true,
  });
}

export interface Readiness {
  readonly port: number;
  readonly path: string;
}

/** Resolves when the path answers 200; throws when the child ends first, or time does. */
export async function ready(child: Child, { port, path }: Readiness): Promise<void> {
  const giveUpAt = performance.now() + readyWithinMs;
  let last = "no answer";
  while (!child.over) {
    const status = await statusOf(port, path);
    if (status === 200) return;
    if (status !== undefined) last = `answer ${status}`;
    if (performance.now() > giveUpAt) {
      throw new Unusable(
        `The ${child.name} is not ready after ${readyWithinMs / 1_000} s (${last} at ${path}). Its last lines:\n${child.tail}`,
      );
    }
    await sleep(lookEveryMs);
  }
  throw new Unusable(`The ${child.name} ${await child.ended}. Its last lines:\n${child.tail}`);
}

function statusOf(port: number, path: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = http.get(
      {
        host: "localhost",
        port,
        path,
        agent: false,
        timeout: answerWithinMs,
      },
      (response) => {
        response.resume();
        resolve(response.statusCode);
      },
    );
    request.once("timeout", () => request.destroy());
    request.once("error", () => {
      resolve(undefined);
    });
  });
}

/**
 * The restored member, running where only this process gets in: on loopback, on ports that nobody knows, and with
 * certificates of an authority that lives as long as it. The certificate's name is `root`, which an etcd with users takes
 * for its admin; one without users takes it as well.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { after, type Runtime } from "#core/runtime.ts";
import { EtcdStore } from "#etcd/store.ts";
import type { TlsSource } from "#etcd/tls.ts";
import { issue, keyPem, makeAuthority } from "#operator/identity/x509/certificate.ts";
import { fetchEtcd } from "../fetch/etcd.ts";
import type { Say } from "../fetch/step.ts";
import { Child } from "../run/child.ts";
import { NotRestored, type MemberName, type RestoredMinor } from "./plan.ts";
import type { Staging } from "./staging.ts";

const loopback = "127.0.0.1";
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A large file is read as a whole first. */
const answersWithinMs = 5 * 60_000;
/** Above what any etcd that is in use has: the one that is restored may be full. */
const quotaBytes = 64 * 2 ** 30;

export interface ClosedMemberPlan {
  readonly staging: Staging;
  readonly member: MemberName;
  readonly minor: RestoredMinor;
  readonly runtime: Runtime;
  readonly say: Say;
}

export class ClosedMember implements AsyncDisposable {
  readonly store: EtcdStore;
  readonly #child: Child;

  private constructor(child: Child, store: EtcdStore) {
    this.#child = child;
    this.store = store;
  }

  /** Resolves when it answers. Throws where it ends before, or the signal aborts. */
  static async start(plan: ClosedMemberPlan, signal: AbortSignal): Promise<ClosedMember> {
    const { staging, runtime, minor, say } = plan;
    const { path: program } = await fetchEtcd({ version: minor, log: say });
    const [clientPort = 0, peerPort = 0] = await freePorts(2);
    const tls = await certificates(staging.file("tls"));
    const endpoint = `https://${loopback}:${clientPort}`;
    const child = new Child({
      ...{ name: "etcd", program, logFile: staging.file("etcd.log"), shown: false },
      args: [...argsOf(plan, endpoint, peerPort), ...tls.args],
      env: Object.fromEntries(
        Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD_")),
      ),
    });
    if (child.pid !== undefined) staging.note("etcd", child.pid);
    const store = await EtcdStore.start(
      { runtime, endpoints: [endpoint], tls: tls.source },
      signal,
    );
    const member = new ClosedMember(child, store);
    try {
      await member.#answers(runtime, signal);
      return member;
    } catch (error) {
      await member[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Ends it in order: all that was written is on the disk. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await this.#child.stop();
  }

  async #answers(runtime: Runtime, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const over = this.#child.ended.then((how) => {
      ended.abort(new NotRestored(`The restored etcd ${how}:\n${this.#child.tail}`));
    });
    const either = AbortSignal.any([signal, ended.signal]);
    const deadline = after(runtime.now(), answersWithinMs);
    const isConnected = await this.store.client.connected({ signal: either, deadline });
    either.throwIfAborted();
    if (isConnected) return;
    void over;
    const { lastError = "no answer" } = this.store.client.status();
    throw new NotRestored(
      `The restored etcd does not answer (${lastError}). Its log:\n${this.#child.tail}`,
    );
  }
}

function argsOf(
  { staging, member: { name, peerUrl } }: ClosedMemberPlan,
  endpoint: string,
  peerPort: number,
): string[] {
  return [
    ...[`--name=${name}`, `--data-dir=${staging.data}`],
    ...[`--listen-client-urls=${endpoint}`, `--advertise-client-urls=${endpoint}`],
    ...[`--listen-peer-urls=http://${loopback}:${peerPort}`],
    ...[`--initial-advertise-peer-urls=${peerUrl}`, `--initial-cluster=${name}=${peerUrl}`],
    ...[`--quota-backend-bytes=${quotaBytes}`, "--log-level=warn"],
  ];
}

async function certificates(
  folder: string,
): Promise<{ readonly args: readonly string[]; readonly source: TlsSource }> {
  const now = Date.now();
  const validity = { fromMs: now - hourMs, untilMs: now + dayMs };
  const authority = makeAuthority("this restore", validity);
  const [server, root] = [
    issue(authority, { subject: { name: "etcd" }, uses: ["server"], hosts: [loopback], validity }),
    issue(authority, { subject: { name: "root" }, uses: ["client"], validity }),
  ];
  const file = (name: string): string => path.join(folder, name);
  await mkdir(folder, { mode: 0o700 });
  await writeFile(file("ca.crt"), authority.certificate);
  await writeFile(file("etcd.crt"), server.certificate);
  await writeFile(file("etcd.key"), keyPem(server.key), { mode: 0o600 });
  const { certificate, key } = root;
  return {
    args: [
      ...["--client-cert-auth", `--trusted-ca-file=${file("ca.crt")}`],
      ...[`--cert-file=${file("etcd.crt")}`, `--key-file=${file("etcd.key")}`],
    ],
    source: {
      ca: Buffer.from(authority.certificate),
      ...{ cert: Buffer.from(certificate), key: Buffer.from(keyPem(key)) },
    },
  };
}

/** Of loopback, that nobody listens on now. Held until all are known, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listening));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

function listening() {
  const server = createServer();
  return new Promise<typeof server>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: 0, host: loopback }, () => resolve(server));
  });
}

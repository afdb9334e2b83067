/**
 * The restored member, running where only this process gets in: on loopback, on ports that nobody knows, and with
 * certificates of an authority that lives as long as it. The certificate's name is `root`, which an etcd with users takes
 * for its admin; one without users takes it as well.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { after, type Runtime } from "#core/runtime.ts";
import type { Wait } from "#core/store.ts";
import { EtcdStore } from "#etcd/store.ts";
import type { TlsSource } from "#etcd/tls.ts";
import { issue, keyPem, makeAuthority } from "#operator/identity/x509/certificate.ts";
import { fetchEtcd } from "../fetch/etcd.ts";
import type { Say } from "../fetch/step.ts";
import { freePorts } from "#test/support/free-ports.ts";
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
  readonly #stack: AsyncDisposableStack;

  private constructor(store: EtcdStore, stack: AsyncDisposableStack) {
    this.store = store;
    this.#stack = stack;
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
    await using stack = new AsyncDisposableStack();
    stack.defer(() => child.stop());
    if (child.pid !== undefined) staging.note("etcd", child.pid);
    const store = stack.use(
      await EtcdStore.start({ runtime, endpoints: [endpoint], tls: tls.source }, signal),
    );
    await answers(child, store, { signal, deadline: after(runtime.now(), answersWithinMs) });
    return new ClosedMember(store, stack.move());
  }

  /** Ends it in order: all that was written is on the disk. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Throws where it ends before, does not answer in time, or the signal aborts. */
async function answers(child: Child, store: EtcdStore, { signal, deadline }: Wait): Promise<void> {
  const ended = new AbortController();
  void child.ended.then((how) => {
    ended.abort(new NotRestored(`The restored etcd ${how}:\n${child.tail}`));
  });
  const either = AbortSignal.any([signal, ended.signal]);
  const isConnected = await store.client.connected({ signal: either, deadline });
  either.throwIfAborted();
  if (isConnected) return;
  const { lastError = "no answer" } = store.client.status();
  throw new NotRestored(
    `The restored etcd does not answer (${lastError}). Its log:\n${child.tail}`,
  );
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

/**
 * A pod of a run: a sidecar, an app beside it, and links to each member of etcd that can be made bad. Both processes may be
 * ended and started again; the sidecar keeps its port, as in a pod.
 *
 * A process that ends although nobody ended it is written down as wrong, and told to the stage: the run is over.
 */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { until } from "#tools/cluster/until.ts";
import type { EtcdServer } from "#test/support/etcd-server.ts";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import type { LoggedProcess } from "#test/support/logged-process.ts";
import { SidecarProcess } from "#test/support/sidecar-process.ts";
import { TcpProxy } from "#test/support/tcp-proxy.ts";
import type { Recorder } from "../history/recorder.ts";
import { resources } from "../traffic/pools.ts";
import { AppProcess } from "./app-process.ts";

export interface PodParts {
  readonly name: string;
  readonly etcd: EtcdServer;
  readonly record: Recorder;
  /** Of records. */
  readonly folder: string;
  readonly seed: string;
  readonly sessionTtl: string;
  /** A file of memory/: its sidecars have that bug. */
  readonly planted?: string | undefined;
  readonly works?: readonly string[] | undefined;
  /** This one compacts and defragments etcd. */
  readonly maintains: boolean;
  /** A process of it ended by itself. */
  readonly broken: (pod: string) => void;
}

/** Its last waits are 10 s long. */
const endsWithinMs = 120_000;

const clockPreload = pathToFileURL("test/faults/stage/clock-preload.ts").href;
const plantPreload = pathToFileURL("test/faults/plant.ts").href;

export class Pod implements AsyncDisposable {
  readonly name: string;
  readonly links: readonly TcpProxy[];
  readonly #parts: PodParts;
  readonly #port: number;
  #sidecar: SidecarProcess | undefined;
  #app: AppProcess | undefined;
  /** By their pods; told when all are known. */
  #sidecars: Readonly<Record<string, string>> = {};
  #lives = 0;
  #sidecarLives = 0;
  /** Nobody is surprised any more when a process ends. */
  #closing = false;

  private constructor(parts: PodParts, links: readonly TcpProxy[], port: number) {
    this.name = parts.name;
    this.links = links;
    this.#parts = parts;
    this.#port = port;
  }

  /** With its sidecar, and without its app. */
  static async start(parts: PodParts): Promise<Pod> {
    await using starting = new AsyncDisposableStack();
    const links: TcpProxy[] = [];
    for (const { clientPort } of parts.etcd.members)
      links.push(starting.use(await TcpProxy.start({ port: clientPort })));
    const [port = 0] = await freePorts(1);
    const pod = new Pod(parts, links, port);
    await writeFile(pod.#clockFile, "0");
    await pod.startSidecar();
    starting.move();
    return pod;
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Throws where it is down. */
  get sidecar(): SidecarProcess {
    if (this.#sidecar === undefined) throw new Error(`the sidecar of ${this.name} is down`);
    return this.#sidecar;
  }

  get app(): AppProcess {
    if (this.#app === undefined) throw new Error(`the app of ${this.name} is down`);
    return this.#app;
  }

  async startSidecar(): Promise<void> {
    const { etcd, sessionTtl, planted, maintains } = this.#parts;
    // The order in which it tries them is its own.
    const turn = this.name.length % etcd.members.length;
    const endpoints = this.links.map(({ endpoint }) => endpoint);
    const preloads = [clockPreload, ...(planted === undefined ? [] : [plantPreload])];
    const sidecar = await SidecarProcess.start({
      etcd: [...endpoints.slice(turn), ...endpoints.slice(0, turn)],
      ...{ pod: this.name, resources: resources(), sessionTtl, unready: true },
      env: {
        HOLDFAST_HTTP_ADDRESS: this.address,
        HOLDFAST_ETCD_MAINTENANCE: String(maintains),
        NODE_OPTIONS: preloads.map((file) => `--import=${file}`).join(" "),
        TEST_CLOCK: this.#clockFile,
        ...(planted === undefined ? {} : { HOLDFAST_PLANTED: path.resolve(planted) }),
      },
    });
    this.#sidecar = sidecar;
    this.#sidecarLives += 1;
    const log = path.join(this.#parts.folder, `${this.name}.sidecar-${this.#sidecarLives}.log`);
    void sidecar.ended.then(() => writeFile(log, sidecar.tail(Infinity)));
    this.#expectNoEnd("sidecar", sidecar);
  }

  async killSidecar(): Promise<void> {
    const { sidecar } = this;
    this.#sidecar = undefined;
    await sidecar[Symbol.asyncDispose]();
  }

  /** As the kubelet ends it. */
  async endSidecar(): Promise<void> {
    const { sidecar } = this;
    this.#sidecar = undefined;
    await sidecar.terminate();
    await sidecar[Symbol.asyncDispose]();
  }

  async startApp(sidecars = this.#sidecars): Promise<void> {
    this.#sidecars = sidecars;
    const { folder, seed, works } = this.#parts;
    this.#lives += 1;
    const app = await AppProcess.start({
      ...{ life: `${this.name}/${this.#lives}`, pod: this.name, sidecar: this.address },
      ...{ sidecars, folder, seed, ...(works === undefined ? {} : { works }) },
    });
    this.#app = app;
    this.#expectNoEnd("app", app);
  }

  async killApp(): Promise<void> {
    const { app } = this;
    this.#parts.record.write({ kind: "killing", life: app.life });
    this.#app = undefined;
    await app.kill();
  }

  /** It gives back what it holds. */
  async endApp(): Promise<void> {
    const { app } = this;
    this.#app = undefined;
    process.kill(app.pid, "SIGTERM");
    await until(`the app of ${this.name} to end`, async () => app.isOver, {
      withinMs: endsWithinMs,
    });
  }

  /** The sidecar's wall clock differs by so much from the machine's, also after a restart. */
  async setClock(aheadMs: number): Promise<void> {
    await writeFile(this.#clockFile, String(aheadMs));
    if (this.#sidecar !== undefined) process.kill(this.#sidecar.pid, "SIGUSR2");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    if (this.#app !== undefined) await this.killApp();
    if (this.#sidecar !== undefined) await this.killSidecar();
    for (const link of this.links) await link[Symbol.asyncDispose]();
    giveBack([this.#port]);
  }

  get #clockFile(): string {
    return path.join(this.#parts.folder, `${this.name}.clock`);
  }

  #expectNoEnd(called: "sidecar" | "app", ran: LoggedProcess): void {
    void ran.ended.then(({ code, signal }) => {
      if (this.#closing || (ran !== this.#sidecar && ran !== this.#app)) return;
      const what = `the ${called} of ${this.name} ended by itself with ${String(code ?? signal)}:\n${ran.tail()}`;
      this.#parts.record.write({ kind: "wrong", what });
      this.#parts.broken(this.name);
    });
  }
}

/**
 * Real etcd for tests, one member or more, on free ports of loopback, with its data in a folder of its own:
 *
 *     await using etcd = await EtcdServer.start({ version: "3.6" });
 *
 * `started` means that every member has answered a linearizable read.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { tmpdir } from "node:os";
import path from "node:path";
import { fetchEtcd, type EtcdMinor } from "#tools/fetch.ts";
import { EtcdMember } from "./etcd-member.ts";
import { freePorts, giveBack } from "./free-ports.ts";

export interface EtcdOptions {
  readonly version?: EtcdMinor;
  readonly members?: number;
  /** Further arguments, as on the command line. */
  readonly args?: readonly string[];
  /** Where clients come in; absent: loopback. */
  readonly host?: string;
  /** Clients speak TLS; `clientCa` asks them for a certificate of that authority. Paths of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Where the data lies; kept when the server is stopped. Absent: a folder that goes with the server. */
  readonly dataFolder?: string;
  /** Where each member's data lies instead; it goes with the server. */
  readonly memberFolders?: readonly string[];
  readonly quotaBytes?: number;
  /** Opens a door for the others to a member that listens for them at that port, and tells its own port. Absent: they come in there. */
  readonly peerDoor?: (peerPort: number, member: number) => Promise<number>;
  /** Answers before the disk has it: faster, and honest as long as the machine itself does not crash. */
  readonly noFsync?: boolean;
}

const loopback = "127.0.0.1";
const startTriesMax = 5;

interface Ports {
  readonly client: number;
  readonly peer: number;
  readonly health: number;
  /** Where the other members find it. */
  readonly door: number;
}

export class EtcdServer implements AsyncDisposable {
  readonly members: readonly EtcdMember[];
  readonly version: EtcdMinor;
  readonly dataFolder: string;
  readonly #options: EtcdOptions;
  readonly #ports: readonly Ports[];
  readonly #ownsData: boolean;
  #token = randomBytes(4).toString("hex");
  #disposed: Promise<void> | undefined;

  private constructor(
    options: EtcdOptions,
    parts: { program: string; folder: string; ports: readonly Ports[] },
  ) {
    this.#options = options;
    this.#ports = parts.ports;
    this.#ownsData = options.dataFolder === undefined;
    this.dataFolder = parts.folder;
    this.version = options.version ?? "3.7";
    const scheme = options.tls === undefined ? "http" : "https";
    this.members = parts.ports.map(
      (ports, at) =>
        new EtcdMember(
          {
            name: `m${at}`,
            endpoint: `${scheme}://${options.host ?? loopback}:${ports.client}`,
            clientPort: ports.client,
            peerPort: ports.peer,
          },
          {
            program: parts.program,
            args: this.#argsOf(at),
            dataFolder: this.#folderOf(at),
            healthPort: ports.health,
          },
        ),
    );
  }

  /** Throws `ToolMissing` where no source has that version: such a test is skipped. */
  static async start(options: EtcdOptions = {}): Promise<EtcdServer> {
    const { path: program } = await fetchEtcd({ version: options.version ?? "3.7" });
    const count = options.members ?? 1;
    for (let tries = 1; ; tries++) {
      const folder = options.dataFolder ?? (await mkdtemp(path.join(tmpdir(), "holdfast-etcd-")));
      const numbers = await freePorts(count * 3);
      const ports: Ports[] = [];
      for (let at = 0; at < count; at++)
        ports.push(await portsOf(numbers.slice(at * 3, at * 3 + 3), at, options));
      const server = new EtcdServer(options, { program, folder, ports });
      try {
        await server.startAll();
        return server;
      } catch (error) {
        const clash = (error as Error).message.includes("address already in use");
        await server[Symbol.asyncDispose]();
        if (!clash || tries === startTriesMax) throw error;
      }
    }
  }

  get endpoints(): readonly string[] {
    return this.members.map((member) => member.endpoint);
  }

  get endpoint(): string {
    return this.member(0).endpoint;
  }

  member(at: number): EtcdMember {
    const member = this.members[at];
    if (member === undefined) throw new Error(`there is no member ${at}`);
    return member;
  }

  /** With the members' names and URLs it makes the cluster's id. */
  get clusterToken(): string {
    return this.#token;
  }

  /** All members stand still; see {@link EtcdMember.pause}. */
  async pause(): Promise<void> {
    await Promise.all(this.members.map((member) => member.pause()));
  }

  resume(): void {
    for (const member of this.members) member.resume();
  }

  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
  }

  /** Starts the members that are down, and waits until all are healthy. */
  async startAll(): Promise<void> {
    for (const member of this.members) if (!member.running) member.launch();
    await Promise.all(this.members.map((member) => member.healthy()));
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.startAll();
  }

  /**
   * Removes all data: what starts next at the same endpoints is a cluster that knows nothing, with another cluster id
   * unless `sameCluster`. The members must be down.
   */
  async wipe({ sameCluster = false }: { sameCluster?: boolean } = {}): Promise<void> {
    if (!sameCluster) this.#token = randomBytes(4).toString("hex");
    await Promise.all(this.members.map((member) => member.wipe()));
    this.members.forEach((member, at) => {
      member.args = this.#argsOf(at);
    });
  }

  /** Starts it, from now on, with other further arguments. The members must be down. */
  useArgs(args: readonly string[]): void {
    this.members.forEach((member, at) => {
      member.args = [...this.#argsOf(at), ...args];
    });
  }

  /** The member starts, from now on, as a new one of the cluster that the others are. */
  joinExisting(member: EtcdMember): void {
    const at = this.members.indexOf(member);
    member.args = [...this.#argsOf(at), "--initial-cluster-state=existing"];
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    // Nobody looks at the data again: no reason to wait for an orderly end.
    await (this.#ownsData ? this.kill() : this.stop());
    if (this.#ownsData) await rm(this.dataFolder, { recursive: true, force: true });
    if (this.#options.memberFolders !== undefined)
      for (const member of this.members) await member.wipe();
    giveBack(this.#ports.flatMap((ports) => [ports.client, ports.peer, ports.health]));
  }

  #folderOf(at: number): string {
    return this.#options.memberFolders?.[at] ?? path.join(this.dataFolder, `m${at}`);
  }

  #argsOf(at: number): string[] {
    const { host = loopback, tls, quotaBytes, noFsync = false, args = [] } = this.#options;
    const ports = this.#ports[at];
    if (ports === undefined) throw new Error(`there is no member ${at}`);
    const client = `${tls === undefined ? "http" : "https"}://${host}:${ports.client}`;
    const peer = `http://127.0.0.1:${ports.peer}`;
    const door = `http://127.0.0.1:${ports.door}`;
    const cluster = this.#ports
      .map(({ door: port }, n) => `m${n}=http://127.0.0.1:${port}`)
      .join(",");
    return [
      ...[`--name=m${at}`, `--data-dir=${this.#folderOf(at)}`],
      ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${door}`],
      ...[`--initial-cluster=${cluster}`, `--initial-cluster-token=${this.#token}`],
      ...[`--listen-metrics-urls=http://127.0.0.1:${ports.health}`, "--logger=zap"],
      ...(tls === undefined ? [] : [`--cert-file=${tls.cert}`, `--key-file=${tls.key}`]),
      ...(tls?.clientCa === undefined
        ? []
        : ["--client-cert-auth", `--trusted-ca-file=${tls.clientCa}`]),
      ...(quotaBytes === undefined ? [] : [`--quota-backend-bytes=${quotaBytes}`]),
      // 3.4 does not know the flag: it only loses speed.
      ...(noFsync && this.version !== "3.4" ? ["--unsafe-no-fsync"] : []),
      ...args,
    ];
  }
}

async function portsOf(
  [client, peer, health]: readonly number[],
  at: number,
  { peerDoor }: EtcdOptions,
): Promise<Ports> {
  if (client === undefined || peer === undefined || health === undefined)
    throw new Error("too few ports");
  return { client, peer, health, door: (await peerDoor?.(peer, at)) ?? peer };
}

/** What is measured against: one etcd with its data on the disk, the bundled sidecar on it, and what else a side needs, for its time. */
import { mkdir, rm } from "node:fs/promises";
import { EtcdServer } from "#test/support/etcd-server.ts";
import type { Side, Targets } from "./clients/sides.ts";
import { EtcdProbe } from "./etcd-probe.ts";
import { startRedis } from "./servers/redis.ts";
import type { ServerProcess } from "./servers/server-process.ts";
import { startZooKeeper } from "./servers/zookeeper.ts";
import { Sidecar } from "./sidecar.ts";

const dataFolder = ".cache/run/bench";
const etcdVersion = "3.7";
/** As many pods as share locks where more than one is measured. */
export const sidecarsCount = 4;

const redlockCount = 3;

export interface BedOptions {
  /** Where the first sidecar's profile of the processor is written; absent: none. */
  readonly profileFolder: string | undefined;
}

/** Processes by what they are, whose CPU is counted. */
export type Servers = Readonly<Record<string, readonly number[]>>;

export interface Stand {
  readonly targets: Targets;
  readonly serversOf: (side: Side) => Servers;
}

export class Bed implements AsyncDisposable {
  readonly etcd: { readonly endpoint: string; readonly pid: number };
  readonly sidecar: Sidecar;
  readonly probe: EtcdProbe;
  readonly #stack: AsyncDisposableStack;

  private constructor(stack: AsyncDisposableStack, parts: Pick<Bed, "etcd" | "sidecar" | "probe">) {
    this.#stack = stack;
    this.etcd = parts.etcd;
    this.sidecar = parts.sidecar;
    this.probe = parts.probe;
  }

  static async make({ profileFolder }: BedOptions): Promise<Bed> {
    await using stack = new AsyncDisposableStack();
    await rm(dataFolder, { recursive: true, force: true });
    await mkdir(dataFolder, { recursive: true });
    stack.defer(() => rm(dataFolder, { recursive: true, force: true }));
    const server = stack.use(
      await EtcdServer.start({ version: etcdVersion, dataFolder, args: ["--log-level=warn"] }),
    );
    const etcd = { endpoint: server.endpoint, pid: server.member(0).pid ?? 0 };
    const probe = stack.use(await EtcdProbe.connect(etcd.endpoint));
    const sidecar = stack.use(await Sidecar.start({ etcd: etcd.endpoint, profileFolder }));
    return new Bed(stack.move(), { etcd, probe, sidecar });
  }

  /** The first, and as many more as are missing; those end with `stack`. */
  async sidecars(count: number, stack: AsyncDisposableStack): Promise<readonly Sidecar[]> {
    const sidecars = [this.sidecar];
    while (sidecars.length < count) {
      sidecars.push(stack.use(await Sidecar.start({ etcd: this.etcd.endpoint })));
    }
    return sidecars;
  }

  /** What these sides need; what is started for them ends with `stack`. */
  async standFor(sides: readonly Side[], stack: AsyncDisposableStack): Promise<Stand> {
    const sidecars = await this.sidecars(sides.includes("sidecars") ? sidecarsCount : 1, stack);
    const zookeeper = sides.includes("zookeeper")
      ? [stack.use(await startZooKeeper({ folder: `${dataFolder}/zookeeper` }))]
      : [];
    const redlock: ServerProcess[] = [];
    while (sides.includes("redlock") && redlock.length < redlockCount) {
      redlock.push(stack.use(await redis(`redlock-${redlock.length}`, "always")));
    }
    const single = sides.includes("redis") ? [stack.use(await redis("redis", "none"))] : [];
    const etcd = [this.etcd.pid];
    const first = { sidecar: [this.sidecar.pid], etcd };
    const servers: Readonly<Record<Side, Servers>> = {
      sidecar: first,
      sidecars: { sidecar: pids(sidecars), etcd },
      sticky: first,
      readers: first,
      owners: first,
      typed: first,
      core: { etcd },
      direct: { etcd },
      v3lock: { etcd },
      "grpc-js": { etcd },
      etcd3: { etcd },
      zookeeper: { peer: pids(zookeeper) },
      redlock: { peer: pids(redlock) },
      redis: { peer: pids(single) },
    };
    return {
      targets: {
        etcd: this.etcd.endpoint,
        sidecars: ports(sidecars),
        zookeeper: ports(zookeeper)[0],
        redlock: ports(redlock),
        redis: ports(single)[0],
      },
      serversOf: (side) => servers[side],
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

interface Server {
  readonly port: number;
  readonly pid: number;
}

const ports = (servers: readonly Server[]): number[] => servers.map(({ port }) => port);
const pids = (servers: readonly Server[]): number[] => servers.map(({ pid }) => pid);

function redis(name: string, durability: "always" | "none"): Promise<ServerProcess> {
  return startRedis({ folder: `${dataFolder}/${name}`, durability });
}

/** All that runs in a run: an etcd, pods on it, the record; and what is asked of them when all is over. */
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import type { EtcdMember } from "#test/support/etcd-member.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { smallQuotaBytes } from "#test/support/etcd-space.ts";
import { Recorder } from "../history/recorder.ts";
import { PeerLinks } from "./peer-links.ts";
import { Pod } from "./pod.ts";

export interface StagePlan {
  readonly seed: string;
  readonly members: 1 | 3;
  readonly pods: number;
  /** Where records go. */
  readonly folder: string;
  readonly planted?: string | undefined;
  readonly works?: readonly string[] | undefined;
}

/** As short as a sidecar takes it: a fault that lasts longer ends sessions. */
export const sessionTtlMs = 3_000;

export class Stage implements AsyncDisposable {
  readonly etcd: EtcdServer;
  readonly peers: PeerLinks;
  readonly pods: readonly Pod[];
  readonly record: Recorder;
  /** Aborts when a process ended by itself. */
  readonly broken: AbortSignal;
  readonly #running: AsyncDisposableStack;

  private constructor(
    parts: Pick<Stage, "etcd" | "peers" | "pods" | "record" | "broken">,
    running: AsyncDisposableStack,
  ) {
    this.etcd = parts.etcd;
    this.peers = parts.peers;
    this.pods = parts.pods;
    this.record = parts.record;
    this.broken = parts.broken;
    this.#running = running;
  }

  static async start({ seed, members, pods: count, ...plan }: StagePlan): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const record = starting.use(new Recorder(plan.folder, "conductor"));
    record.write({ kind: "begun" });
    const peers = starting.use(new PeerLinks());
    const etcd = starting.use(
      await EtcdServer.start({
        ...{ members, noFsync: true, quotaBytes: smallQuotaBytes },
        ...(members === 1 ? {} : { peerDoor: (port, at) => peers.door(port, at) }),
      }),
    );
    const listed = await new EtcdGateway(etcd.endpoint).members();
    const idOf = ({ name }: EtcdMember) => listed.find((one) => one.name === name)?.ID ?? "";
    peers.identify(etcd.members.map(idOf));
    const pods: Pod[] = [];
    const breaking = new AbortController();
    const broken = (pod: string): void => {
      breaking.abort(new Error(`a process of ${pod} ended by itself`));
    };
    for (let at = 0; at < count; at++) {
      const name = `pod-${String.fromCharCode("a".charCodeAt(0) + at)}`;
      const parts = { name, etcd, record, seed, sessionTtl: `${sessionTtlMs}ms`, ...plan, broken };
      pods.push(starting.use(await Pod.start({ ...parts, maintains: at === 0 })));
    }
    await Promise.all(pods.map(({ sidecar }) => sidecar.said("ready")));
    const sidecars = Object.fromEntries(pods.map(({ name, address }) => [name, address]));
    await Promise.all(pods.map((pod) => pod.startApp(sidecars)));
    return new Stage({ etcd, peers, pods, record, broken: breaking.signal }, starting.move());
  }

  /** The member that leads now; undefined: none does, or none answers. */
  async leader(): Promise<EtcdMember | undefined> {
    for (const member of this.etcd.members) {
      if (!member.running) continue;
      const status = await new EtcdGateway(member.endpoint)
        .call("maintenance/status")
        .catch(() => undefined);
      const header = status?.["header"] as { member_id: string } | undefined;
      if (header !== undefined && status?.["leader"] === header.member_id) return member;
    }
    return undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#running.disposeAsync();
  }
}

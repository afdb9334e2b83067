/** All that runs in a run: an etcd, pods on it, the record; and what is asked of them when all is over. */
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import type { EtcdMember } from "#test/support/etcd-member.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { smallQuotaBytes } from "#test/support/etcd-space.ts";
import { Recorder } from "../history/recorder.ts";
import { PeerLinks } from "./peer-links.ts";
import { Pod } from "./pod.ts";
import type { SmallDisk, SmallDisks } from "./small-disks.ts";

export interface StagePlan {
  readonly seed: string;
  readonly members: 1 | 3;
  readonly pods: number;
  /** Where records go. */
  readonly folder: string;
  readonly planted?: string | undefined;
  readonly works?: readonly string[] | undefined;
  /** One for the data of each member; absent: the machine's own. */
  readonly disks?: SmallDisks | undefined;
}

/** As short as a sidecar takes it: a fault that lasts longer ends sessions. */
export const sessionTtlMs = 3_000;

/** As it usually is, etcd would keep five parts of its log, of 64 MB each, and all since 10,000 writes: a small disk must last an hour. */
const shortLog = ["--max-wals=1", "--snapshot-count=500"];
const noSpace = "no space left on device";

export class Stage implements AsyncDisposable {
  readonly etcd: EtcdServer;
  readonly peers: PeerLinks;
  readonly pods: readonly Pod[];
  readonly record: Recorder;
  readonly disks: SmallDisks | undefined;
  /** Aborts when a process ended by itself. */
  readonly broken: AbortSignal;
  readonly #running: AsyncDisposableStack;

  private constructor(
    parts: Pick<Stage, "etcd" | "peers" | "pods" | "record" | "disks" | "broken">,
    running: AsyncDisposableStack,
  ) {
    this.etcd = parts.etcd;
    this.peers = parts.peers;
    this.pods = parts.pods;
    this.record = parts.record;
    this.disks = parts.disks;
    this.broken = parts.broken;
    this.#running = running;
  }

  static async start({ seed, members, pods: count, ...plan }: StagePlan): Promise<Stage> {
    await using starting = new AsyncDisposableStack();
    const record = starting.use(new Recorder(plan.folder, "conductor"));
    record.write({ kind: "begun" });
    const peers = starting.use(new PeerLinks());
    const etcd = starting.use(await startEtcd(members, peers, plan.disks));
    const breaking = new AbortController();
    const broken = (whose: string): void => {
      breaking.abort(new Error(`a process of ${whose} ended by itself`));
    };
    etcd.members.forEach((member, at) => {
      member.onOwnEnd(() => {
        if (!endedAsItMay(member, { record, disk: plan.disks?.all[at] })) broken(member.name);
      });
    });
    const pods: Pod[] = [];
    for (let at = 0; at < count; at++) {
      const name = `pod-${String.fromCharCode("a".charCodeAt(0) + at)}`;
      const parts = { name, etcd, record, seed, sessionTtl: `${sessionTtlMs}ms`, ...plan, broken };
      pods.push(starting.use(await Pod.start({ ...parts, maintains: at === 0 })));
    }
    await Promise.all(pods.map(({ sidecar }) => sidecar.said("ready")));
    const sidecars = Object.fromEntries(pods.map(({ name, address }) => [name, address]));
    await Promise.all(pods.map((pod) => pod.startApp(sidecars)));
    const { disks } = plan;
    return new Stage(
      { etcd, peers, pods, record, disks, broken: breaking.signal },
      starting.move(),
    );
  }

  /** Throws where the members have none of their own. */
  diskOf(member: EtcdMember): SmallDisk {
    const disk = this.disks?.all[this.etcd.members.indexOf(member)];
    if (disk === undefined) throw new Error(`${member.name} has no disk of its own`);
    return disk;
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

async function startEtcd(
  members: 1 | 3,
  peers: PeerLinks,
  disks: SmallDisks | undefined,
): Promise<EtcdServer> {
  const etcd = await EtcdServer.start({
    ...{ members, noFsync: true, quotaBytes: smallQuotaBytes },
    ...(members === 1 ? {} : { peerDoor: (port, at) => peers.door(port, at) }),
    ...(disks === undefined
      ? {}
      : { memberFolders: disks.all.map(({ dataFolder }) => dataFolder), args: shortLog }),
  });
  const listed = await new EtcdGateway(etcd.endpoint).members();
  const idOf = ({ name }: EtcdMember) => listed.find((one) => one.name === name)?.ID ?? "";
  peers.identify(etcd.members.map(idOf));
  return etcd;
}

/** Nobody ended it. By a disk that was filled it may end, and no other way; either is written down. */
function endedAsItMay(
  member: EtcdMember,
  { record, disk }: { readonly record: Recorder; readonly disk: SmallDisk | undefined },
): boolean {
  const how = disk?.isFull === true ? lastWordsOfFullDisk(member.lifeLog) : undefined;
  if (how === undefined) {
    const what = `etcd ${member.name} ended by itself:\n${member.tail()}`;
    record.write({ kind: "wrong", what });
    return false;
  }
  record.write({ kind: "diskMet", target: member.name, how });
  return true;
}

/** What etcd says before it ends; of other writes that failed it says so, too, and goes on. */
function lastWordsOfFullDisk(log: string): string | undefined {
  const line = log
    .split("\n")
    .find((one) => /^\{"level":"(?:fatal|panic)"/.test(one) && one.includes(noSpace));
  if (line === undefined) return undefined;
  const { msg, error = "" } = JSON.parse(line) as { msg: string; error?: string };
  return `${msg}: ${error}`;
}

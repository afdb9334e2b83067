/**
 * What goes wrong in a run. Each fault happens to one pod or to the etcd, lasts for a while, and heals what it did before it is
 * over: whoever runs it writes down both moments.
 */
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import type { EtcdMember } from "#test/support/etcd-member.ts";
import { fill, makeSpace } from "#test/support/etcd-space.ts";
import type { Direction, TcpProxy } from "#test/support/tcp-proxy.ts";
import type { Stage } from "../stage/stage.ts";
import { diskFull } from "./disk-full.ts";
import { last, someTime, type OfEtcd, type OfPod, type Trouble } from "./trouble.ts";

const bothWays: readonly Direction[] = ["requests", "answers"];

/** The pod's links to all members. */
function links(does: (link: TcpProxy, trouble: Trouble) => void): OfPod {
  return async (trouble, pod) => {
    for (const link of pod.links) does(link, trouble);
    await last(trouble, someTime(trouble));
    for (const link of pod.links) await link.heal();
  };
}

const cut = (ways: readonly Direction[]): OfPod =>
  links((link) => {
    for (const way of ways) link.cut(way);
  });

/** What etcd answers is lost, some times in a row, with the connection. */
const lostAnswers: OfPod = async (trouble, pod) => {
  for (let left = trouble.chance.wholeBetween({ min: 1, max: 4 }); left > 0; left--) {
    const answers = pod.links.map((link) => link.arrival("answers"));
    for (const link of pod.links) link.cut("answers");
    await Promise.race([Promise.any(answers), last(trouble, 1_000)]);
    for (const link of pod.links) await link.heal();
    await last(trouble, trouble.chance.between({ min: 10, max: 500 }));
  }
};

const slow: OfPod = links((link, { chance }) => {
  for (const way of bothWays) link.delay(way, chance.between({ min: 5, max: 250 }));
});

const held: OfPod = links((link) => {
  for (const way of bothWays) link.hold(way);
});

const sidecarKilled: OfPod = async (trouble, pod) => {
  await pod.killSidecar();
  await last(trouble, trouble.chance.between({ min: 0, max: 2_000 }));
  await pod.startSidecar();
};

const sidecarEnded: OfPod = async (trouble, pod) => {
  await pod.endSidecar();
  await last(trouble, trouble.chance.between({ min: 0, max: 500 }));
  await pod.startSidecar();
};

const appKilled: OfPod = async (trouble, pod) => {
  await pod.killApp();
  await last(trouble, trouble.chance.between({ min: 0, max: 1_000 }));
  await pod.startApp();
};

const paused = (which: readonly ("sidecar" | "app")[]): OfPod => {
  return async (trouble, pod) => {
    for (const one of which) await pod[one].pause();
    await last(trouble, someTime(trouble));
    for (const one of which) pod[one].resume();
  };
};

const clockJumped: OfPod = async (trouble, pod) => {
  const { chance } = trouble;
  const far = chance.oneOf([400, 2_000, 60_000, 86_400_000]);
  await pod.setClock(
    Math.round(chance.oneOf([-1, 1]) * chance.between({ min: far / 4, max: far })),
  );
  await last(trouble, someTime(trouble));
  await pod.setClock(0);
};

export const podFaults = {
  sidecarKilled,
  sidecarEnded,
  appKilled,
  sidecarPaused: paused(["sidecar"]),
  appPaused: paused(["app"]),
  podPaused: paused(["sidecar", "app"]),
  requestsCut: cut(["requests"]),
  answersCut: cut(["answers"]),
  cut: cut(bothWays),
  held,
  slow,
  lostAnswers,
  clockJumped,
} as const satisfies Readonly<Record<string, OfPod>>;

const memberKilled: OfEtcd = async (trouble, member) => {
  await member.kill();
  await last(trouble, someTime(trouble));
  await member.start();
};

const memberPaused: OfEtcd = async (trouble, member) => {
  await member.pause();
  await last(trouble, someTime(trouble));
  member.resume();
  await member.healthy();
};

const full: OfEtcd = async (trouble, member) => {
  const { members } = trouble.stage.etcd;
  await fill(new EtcdGateway(member.endpoint));
  await last(trouble, someTime(trouble));
  await makeSpace(members.map(({ endpoint }) => new EtcdGateway(endpoint)));
};

/** The proxies through which a member speaks to all others, and they to it. */
async function waysOf({ etcd, peers }: Stage, member: EtcdMember) {
  const own = etcd.members.indexOf(member);
  const others = etcd.members.flatMap((_, at) => (at === own ? [] : [at]));
  const from = await Promise.all(others.map((other) => peers.between(own, other)));
  const to = await Promise.all(others.map((other) => peers.between(other, own)));
  return { from, to };
}

const memberCut = (ways: readonly ("from" | "to")[]): OfEtcd => {
  return async (trouble, member) => {
    const all = await waysOf(trouble.stage, member);
    const bad = ways.flatMap((way) => all[way]);
    for (const { requests, answers } of bad) {
      requests.cut("requests");
      answers.cut("answers");
    }
    await last(trouble, someTime(trouble));
    for (const { requests, answers } of bad) {
      await requests.heal();
      await answers.heal();
    }
    await member.healthy();
  };
};

const membersSlow: OfEtcd = async (trouble, member) => {
  const { from, to } = await waysOf(trouble.stage, member);
  const all = [...from, ...to];
  const ms = trouble.chance.between({ min: 5, max: 150 });
  for (const { requests, answers } of all) {
    requests.delay("requests", ms);
    answers.delay("answers", ms);
  }
  await last(trouble, someTime(trouble));
  for (const { requests, answers } of all) {
    await requests.heal();
    await answers.heal();
  }
};

export const etcdFaults = {
  memberKilled,
  memberPaused,
  full,
  diskFull,
} as const satisfies Readonly<Record<string, OfEtcd>>;

/** Only where there are others. */
export const clusterFaults = {
  leaderKilled: memberKilled,
  leaderPaused: memberPaused,
  memberCutFrom: memberCut(["from"]),
  memberCutTo: memberCut(["to"]),
  memberCut: memberCut(["from", "to"]),
  leaderCut: memberCut(["from", "to"]),
  leaderDiskFull: diskFull,
  membersSlow,
} as const satisfies Readonly<Record<string, OfEtcd>>;

export type PodFault = keyof typeof podFaults;
export type EtcdFault = keyof typeof etcdFaults | keyof typeof clusterFaults;

/** Of the member that leads when they happen. */
export const leaderFaults: ReadonlySet<EtcdFault> = new Set([
  "leaderKilled",
  "leaderPaused",
  "leaderCut",
  "leaderDiskFull",
]);

/** Only where members have disks of their own. */
export const diskFaults: ReadonlySet<EtcdFault> = new Set(["diskFull", "leaderDiskFull"]);

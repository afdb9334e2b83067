/** What each fault does to a stage. One that cannot happen now (nobody runs, etcd is down already) does nothing. */
import { dataRoot } from "#core/session/keys.ts";
import { prefixRange, revision } from "#core/store.ts";
import type { Chance } from "#test/support/world/chance.ts";
import { drawSpec, drawWeather } from "../schedule.ts";
import { namespace, type Process } from "../process.ts";
import type { Stage } from "../stage.ts";
import type { FaultName } from "./names.ts";

type Fault = (stage: Stage, chance: Chance) => void;

/** A session's answers may count its deadline by a clock a hair slower than etcd's. */
const ttlSlack = 1.05;

const onProcess =
  (fault: (stage: Stage, process: Process, chance: Chance) => void): Fault =>
  (stage, chance) => {
    const process = stage.running(chance);
    if (process !== undefined) fault(stage, process, chance);
  };

/** From a moment to well beyond the session's time to live. */
const someTime = (stage: Stage, chance: Chance): number =>
  chance.between({ min: 20, max: stage.schedule.sessionTtlMs * chance.oneOf([0.2, 1, 2.5]) });

function crash(stage: Stage, process: Process, chance: Chance): void {
  process.kill();
  const pod = stage.pods.find(({ name }) => name === process.pod);
  stage.trouble(chance.between({ min: 0, max: 4_000 }), () => pod?.start());
}

function stopped(how: "pause" | "suspend"): Fault {
  return onProcess((stage, process, chance) => {
    process.stop(how);
    stage.trouble(someTime(stage, chance), () => {
      process.resume();
    });
  });
}

function drain(stage: Stage, process: Process, chance: Chance): void {
  const pod = stage.pods.find(({ name }) => name === process.pod);
  const startedMs = stage.world.nowMs;
  const restart = () => {
    process.kill();
    stage.trouble(chance.between({ min: 0, max: 1_000 }), () => pod?.start());
  };
  process.drain().then(
    () => {
      stage.history.drains.push({ process: process.name, tookMs: stage.world.nowMs - startedMs });
      restart();
    },
    (error: unknown) => {
      stage.history.violated("drain", `${process.name}: ${String(error)}`, stage.world.nowMs);
      restart();
    },
  );
}

/** Longer than any session or guarantee lives. */
const safelyMs = ({ schedule }: Stage): number => schedule.sessionTtlMs * ttlSlack + 600;
/** Longer than wall clocks differ in a schedule (offsets, rates, jumps). */
const quickMs = 2_700;

/** Etcd is away for a while, and comes back as `anew` makes it. */
function beginAnew(stage: Stage, longestMs: number, anew: () => void): void {
  const { server } = stage;
  if (server.runtime.state !== "running") return;
  const startedMs = stage.world.nowMs;
  server.runtime.pause();
  stage.trouble(longestMs, () => {
    if (stage.world.nowMs >= startedMs + longestMs) {
      anew();
      stage.record.begunAnew();
      // Markers that the snapshot did not have are gone: only guarantees are waited for.
      for (const grant of stage.history.grants) grant.lockDelayMs = undefined;
    }
    server.runtime.resume();
  });
}

/** A restore leaves nothing of sessions: their sidecars are long gone, or have made new ones. */
function restoreSnapshot(stage: Stage, sameCluster: boolean): void {
  const { server, snapshot } = stage;
  if (snapshot === undefined) return;
  server.restore(snapshot, sameCluster);
  for (const lease of server.leases) server.revoke(lease);
  const data = prefixRange(dataRoot(namespace));
  server.txn({ compares: [], then: [{ kind: "delete", ...data }], otherwise: [] });
}

const planned = (...fates: ("timedOutThenDone" | "answerLost" | "connectionLost")[]): Fault =>
  onProcess((_stage, process, chance) => {
    for (let left = chance.wholeBetween({ min: 1, max: 4 }); left > 0; left--)
      process.link.plan("write", chance.oneOf(fates));
  });

export const catalog: Readonly<Record<FaultName, Fault>> = {
  crash: onProcess(crash),
  crashAll: (stage, chance) => {
    for (const process of stage.processes) crash(stage, process, chance);
  },
  drain: onProcess(drain),
  pause: stopped("pause"),
  suspend: stopped("suspend"),
  cut: onProcess((stage, { link }, chance) => {
    link.cut(chance.oneOf(["requests", "answers", "both"]), chance.oneOf(["held", "lost"]));
    stage.trouble(someTime(stage, chance), () => {
      link.heal();
    });
  }),
  reset: onProcess((_stage, { link }) => {
    link.reset();
  }),
  unreachable: onProcess((stage, { link }, chance) => {
    link.refuse({ code: "notSent", message: "no endpoint is reachable" });
    stage.trouble(someTime(stage, chance), () => {
      link.accept();
    });
  }),
  silentWatches: onProcess((stage, { link }, chance) => {
    link.holdWatches();
    stage.trouble(chance.between({ min: 100, max: 20_000 }), () => {
      link.releaseWatches();
    });
  }),
  storm: onProcess((stage, { link }, chance) => {
    const before = link.weather;
    link.weather = drawWeather(chance);
    stage.trouble(someTime(stage, chance), () => {
      link.weather = before;
    });
  }),
  lateCommits: planned("timedOutThenDone"),
  lostAnswers: planned("answerLost", "connectionLost"),
  etcdStalls: (stage, chance) => {
    const { runtime } = stage.server;
    if (runtime.state !== "running") return;
    runtime.pause();
    stage.trouble(someTime(stage, chance), () => {
      runtime.resume();
    });
  },
  etcdRestarts: (stage) => {
    if (stage.server.runtime.state !== "running") return;
    stage.server.restart();
    stage.record.follow();
  },
  etcdFull: (stage, chance) => {
    const { quota } = stage.server;
    quota.fill();
    stage.trouble(someTime(stage, chance), () => {
      quota.defragment();
      quota.disarm();
    });
  },
  compaction: ({ server }, chance) => {
    const keep = BigInt(chance.oneOf([0, 1, 10]));
    try {
      server.compact(revision(server.header.revision - keep));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  },
  wipe: (stage, chance) => {
    beginAnew(stage, safelyMs(stage), () => {
      stage.server.wipe(chance.happens(0.5));
    });
  },
  wipeAtOnce: (stage, chance) => {
    // Guarantees may still run; but for longer than clocks differ, since the fence base starts anew at one of them.
    beginAnew(stage, quickMs, () => {
      stage.waive();
      stage.server.wipe(chance.happens(0.5));
    });
  },
  restore: (stage, chance) => {
    beginAnew(stage, safelyMs(stage), () => {
      restoreSnapshot(stage, chance.happens(0.5));
    });
  },
  wallJump: onProcess((stage, { runtime }, chance) => {
    // To and fro, so that it never shows another time by more than one jump.
    const jumpMs = chance.between({ min: -700, max: 700 });
    runtime.jumpWall(jumpMs);
    stage.trouble(someTime(stage, chance), () => {
      runtime.jumpWall(-jumpMs);
    });
  }),
  raiseBase: onProcess((_stage, { owner, runtime }) => {
    runtime.deliver(() => {
      owner.begunAnew();
    });
  }),
  editPool: (stage, chance) => {
    const pool = chance.oneOf(stage.schedule.pools);
    const spec = drawSpec(chance, stage.schedule.mode);
    stage.edit(chance, (documents) =>
      documents.map((each) => (each.name === pool ? stage.documentOf(pool, spec) : each)),
    );
  },
  deletePool: (stage, chance) => {
    const pool = chance.oneOf(stage.schedule.pools);
    stage.edit(chance, (documents) => documents.filter(({ name }) => name !== pool));
    const spec = drawSpec(chance, stage.schedule.mode);
    stage.trouble(chance.between({ min: 100, max: 3_000 }), () => {
      stage.edit(chance, (documents) => [
        ...documents.filter(({ name }) => name !== pool),
        stage.documentOf(pool, spec),
      ]);
    });
  },
};

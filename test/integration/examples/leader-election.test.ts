/** The example with three replicas, each in a pod of its own: one leads, and the others know who. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { queued } from "#test/support/lock-calls.ts";
import { brief, SidecarProcess } from "#test/support/sidecar-process.ts";
import { urlOf } from "../client/support.ts";
import { Examples, type Example } from "./installed.ts";

describe("the example of leader election", function () {
  this.timeout(120_000);
  let examples: Examples;
  let etcd: EtcdServer;
  const pods: SidecarProcess[] = [];

  before(async () => {
    examples = await Examples.install();
    etcd = await EtcdServer.start({ noFsync: true });
    for (const pod of ["pod-a", "pod-b", "pod-c"]) {
      const options = { etcd: etcd.endpoint, resources: { path: "examples" }, pod };
      pods.push(await SidecarProcess.start({ ...options, sessionTtl: brief }));
    }
  });

  after(async () => {
    for (const each of [...pods, etcd, examples]) await each[Symbol.asyncDispose]();
  });

  const at = <T>(list: readonly T[], index: number): T => {
    const found = list[index];
    assert.ok(found !== undefined);
    return found;
  };
  const leads = async (replicas: readonly Example[], index: number): Promise<bigint> => {
    const name = `r${index}`;
    const [, fence = ""] = await at(replicas, index).says(
      new RegExp(`^${name} leads, fence (\\d+)$`, "m"),
    );
    return BigInt(fence);
  };
  const follows = (replicas: readonly Example[], index: number, leader: string) =>
    at(replicas, index).says(
      new RegExp(`^r${index} follows http://${leader}\\.example\\.com$`, "m"),
    );

  it("has one leader, whom all others follow; the next leads when it goes, is killed, or loses its sidecar", async () => {
    await using started = new AsyncDisposableStack();
    const replicas: Example[] = [];
    const start = (name: string, pod: SidecarProcess): void => {
      const env = { HOLDFAST_URL: urlOf(pod) };
      replicas.push(
        started.use(examples.start("examples/leader-election/replica.ts", [name], env)),
      );
    };
    const fences: bigint[] = [];
    for (const [index, pod] of pods.entries()) {
      start(`r${index}`, pod);
      // One after another, so that it is known who is next.
      if (index === 0) fences.push(await leads(replicas, 0));
      else await queued(at(pods, 0), "leaders/mailer", index);
    }
    for (const index of [0, 1, 2]) await follows(replicas, index, "r0");
    assert.doesNotMatch(at(replicas, 1).output + at(replicas, 2).output, / leads/);
    at(replicas, 0).signal("SIGTERM");
    assert.match(await at(replicas, 0).succeeds(), /r0 leads no more\n/);
    fences.push(await leads(replicas, 1));
    await follows(replicas, 2, "r1");
    await at(pods, 1).kill();
    fences.push(await leads(replicas, 2));
    await at(replicas, 1).says(/^r1 leads no more$/m);
    assert.match(at(replicas, 1).output, /^r1 follows unseen$/m);
    assert.deepEqual(
      fences,
      fences.toSorted((one, other) => (one < other ? -1 : 1)),
    );
    // One that is new begins to follow at once.
    start("r3", at(pods, 0));
    await follows(replicas, 3, "r2");
    await at(replicas, 2).kill();
    await leads(replicas, 3);
  });
});

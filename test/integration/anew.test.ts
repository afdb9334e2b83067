import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { describe } from "mocha";
import { fetchEtcdProgram } from "#tools/fetch.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { acquire, grantOf, hold, release, works } from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { brief, mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { together } from "../support/together.ts";

const resources = [mutex("orders")];

/** Many revisions, so that those of a new beginning are far below. */
async function grow(etcd: EtcdServer): Promise<void> {
  const raw = new EtcdGateway(etcd.endpoint);
  for (let at = 0; at < 200; at++) await raw.put("noise", String(at));
}

describe("an etcd that begins anew", function () {
  this.timeout(60_000);

  const seen = (sameCluster: boolean) => async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    await using sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
    await grow(etcd);
    const before = await hold(sidecar, "orders/1");
    const { mark } = sidecar;
    await etcd.kill();
    await etcd.wipe({ sameCluster });
    await etcd.startAll();
    await sidecar.said("the session with etcd is lost", mark);
    const told = await grantOf(sidecar, before);
    assert.equal(told.status, 409);
    assert.equal(told.body["reason"], "sessionLost");
    const next = await works(sidecar, "orders/1");
    assert.ok(next.fence > before.fence, `${next.fence} after ${before.fence}`);
    const raw = new EtcdGateway(etcd.endpoint);
    await eventually("the mark of the new beginning to be cleared", async () => {
      return (await raw.get("/holdfast/v1/data/default/anew")) === undefined;
    });
  };

  const unseen = (sameCluster: boolean) => async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    let fence: bigint;
    {
      await using sidecar = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
      await grow(etcd);
      fence = (await hold(sidecar, "orders/1")).fence;
    }
    await etcd.kill();
    await etcd.wipe({ sameCluster });
    await etcd.startAll();
    await using successor = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
    const next = await hold(successor, "orders/1");
    assert.ok(next.fence > fence, `${next.fence} after ${fence}`);
  };

  const restore = async (etcd: EtcdServer, snapshot: Buffer) => {
    const { path: etcdutl } = await fetchEtcdProgram("etcdutl", { version: "3.7" });
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-snapshot-"));
    const file = path.join(folder, "snapshot.db");
    await writeFile(file, snapshot);
    const { name, peerPort, dataFolder } = etcd.member(0);
    const peer = `http://127.0.0.1:${peerPort}`;
    await etcd.kill();
    await etcd.wipe();
    const to = [`--data-dir=${dataFolder}`, `--name=${name}`];
    const cluster = [`--initial-cluster=${name}=${peer}`, `--initial-advertise-peer-urls=${peer}`];
    await promisify(execFile)(etcdutl, ["snapshot", "restore", file, ...to, ...cluster]);
    await rm(folder, { recursive: true });
    await etcd.startAll();
  };

  together({
    "empty, as another cluster: grants are lost, resources come back, fences go on growing":
      seen(false),
    "empty, with the cluster id it had: grants are lost, resources come back, fences go on growing":
      seen(true),
    "empty, as another cluster, unseen by any sidecar: fences go on growing all the same":
      unseen(false),
    "empty, with the cluster id it had, unseen by any sidecar: fences go on growing all the same":
      unseen(true),
    "from a snapshot, under living sidecars: grants since then are lost, fences go on growing":
      async () => {
        await using etcd = await EtcdServer.start({ noFsync: true });
        await using a = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
        await using b = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
        const snapshot = await new EtcdGateway(etcd.endpoint).snapshot();
        await grow(etcd);
        const before = await hold(a, "orders/1");
        const waiting = acquire(b, "orders/1", { wait: "1m" });
        const { mark } = a;
        await restore(etcd, snapshot);
        await a.said("the session with etcd is lost", mark);
        assert.equal((await grantOf(a, before)).status, 409);
        const granted = await waiting;
        assert.equal(granted.status, 200, granted.text);
        const fence = BigInt(String(granted.body["fence"]));
        assert.ok(fence > before.fence, `${fence} after ${before.fence}`);
      },

    "from a snapshot, with all sidecars new: fences go on growing": async () => {
      await using etcd = await EtcdServer.start({ noFsync: true });
      let fence: bigint;
      let snapshot: Buffer;
      {
        await using sidecar = await SidecarProcess.start({
          ...{ etcd: etcd.endpoint, resources },
          sessionTtl: brief,
        });
        // A lock that is held in the snapshot is held again, until that session's lease ends.
        await hold(sidecar, "orders/1");
        snapshot = await new EtcdGateway(etcd.endpoint).snapshot();
        await grow(etcd);
        await release(sidecar, await hold(sidecar, "orders/2"));
        fence = (await hold(sidecar, "orders/3")).fence;
      }
      await restore(etcd, snapshot);
      await using successor = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
      for (const lock of ["orders/3", "orders/2", "orders/1"]) {
        const next = await hold(successor, lock, { wait: "30s" });
        assert.ok(next.fence > fence, `${lock}: ${next.fence} after ${fence}`);
      }
    },
  });
});

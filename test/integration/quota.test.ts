import assert from "node:assert/strict";
import { describe } from "mocha";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { deleteFill, fill, makeSpace, smallQuotaBytes } from "../support/etcd-space.ts";
import {
  acquire,
  hold,
  holdersOf,
  queued,
  release,
  sessionOf,
  works,
} from "../support/lock-calls.ts";
import { eventually } from "../support/poll.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";
import { together } from "../support/together.ts";

describe("a full etcd", function () {
  this.timeout(60_000);

  together({
    "lets releases and hand-overs go on, refuses what is new, and goes on after the two commands that it names":
      async () => {
        await using etcd = await EtcdServer.start({ noFsync: true, quotaBytes: smallQuotaBytes });
        const raw = new EtcdGateway(etcd.endpoint);
        const resources = [mutex("orders")];
        await using a = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
        await using b = await SidecarProcess.start({ etcd: etcd.endpoint, resources });
        const held = await hold(a, "orders/1");
        const waits = [
          hold(b, "orders/1", { wait: "1m", holder: "b1" }),
          hold(b, "orders/1", { wait: "1m", holder: "b2" }),
        ];
        await queued(b, "orders/1", 2);
        const alone = await hold(a, "orders/2");
        await fill(raw);

        const refused = await acquire(a, "orders/new");
        assert.equal(refused.status, 429);
        assert.equal(refused.body["code"], "backend_full");
        assert.ok(Number(refused.headers["retry-after"]) > 0);
        assert.match(String(refused.body["detail"]), /etcdctl defrag.*etcdctl alarm disarm/);

        await release(a, alone);
        assert.deepEqual(await holdersOf(a, "orders/2"), []);
        await release(a, held);
        for (const wait of waits) await release(b, await wait);
        assert.deepEqual(await holdersOf(a, "orders/1"), []);

        const { etcd: told } = await eventually("the state in GET /v1/session", async () => {
          const session = await sessionOf(a);
          return session.etcd["full"] === true && session;
        });
        assert.match(String(told["advice"]), /etcdctl defrag.*etcdctl alarm disarm/);
        const line = await a.saidWhen("the two commands in the log", 0, (one) =>
          /etcdctl defrag.*etcdctl alarm disarm/.test(JSON.stringify(one)),
        );
        assert.ok(["warn", "error"].includes(line.level));
        // The session goes on: keepalives need no space.
        assert.equal((await sessionOf(a)).state, "alive");

        await makeSpace([raw]);
        await works(a, "orders/new");
        await works(b, "orders/2");
      },

    "is brought back by the sidecar itself where it may: the one that started etcd": async () => {
      await using etcd = await EtcdServer.start({ noFsync: true, quotaBytes: smallQuotaBytes });
      const raw = new EtcdGateway(etcd.endpoint);
      await using sidecar = await SidecarProcess.start({
        etcd: etcd.endpoint,
        resources: [mutex("orders")],
        env: { HOLDFAST_ETCD_MAINTENANCE: "true" },
      });
      await fill(raw);
      assert.ok([200, 429].includes((await acquire(sidecar, "orders/1")).status));
      await deleteFill(raw);
      await works(sidecar, "orders/2");
    },
  });
});

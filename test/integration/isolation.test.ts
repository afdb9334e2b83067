/**
 * What a namespace's user can do to another namespace: measured on a real etcd with users, by its own JSON gateway, with no
 * client of ours in between. What etcd permits in spite of all is a test, too: docs/operations/isolation.md tells it.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { EtcdAdmin } from "#operator/etcd-admin/admin.ts";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import { NamespaceUsers } from "#operator/etcd-admin/namespace-users.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import {
  adminOf,
  base64,
  Intruder,
  rootUser,
  switchUsersOn,
  testRuntime,
} from "../support/etcd-users.ts";
import { hold, release } from "../support/lock-calls.ts";
import { LockTraffic } from "../support/lock-traffic.ts";
import { Operator } from "../support/operator.ts";
import { eventually } from "../support/poll.ts";
import { SidecarProcess } from "../support/sidecar-process.ts";

const never = new AbortController().signal;
const data = "/holdfast/v1/data/";
const spec = "/holdfast/v1/spec/";
const one = (key: string) => ({ key: base64(key) });
const all = (prefix: string) => ({
  key: base64(prefix),
  range_end: base64(`${prefix.slice(0, -1)}0`),
});
const both = { key: base64(`${data}a/`), range_end: base64(`${data}b0`) };
const everything = { key: base64("\0"), range_end: base64("\0") };

for (const version of ["3.7", "3.6"] as const) {
  describe(`namespaces of an etcd ${version} with users`, function () {
    this.timeout(60_000);
    let etcd: EtcdServer;
    let raw: EtcdGateway;
    let admin: EtcdAdmin;
    let users: NamespaceUsers;
    let a: Intruder;
    let b: Intruder;
    let leased: string;
    let empty: string;

    before(async () => {
      // Passwords are hashed as cheaply as etcd allows: the tests make many.
      etcd = await EtcdServer.start({ version, noFsync: true, args: ["--bcrypt-cost=4"] });
      raw = new EtcdGateway(etcd.endpoint);
      await switchUsersOn(raw);
      admin = adminOf(etcd.endpoints, rootUser);
      users = new NamespaceUsers({ admin: () => admin, runtime: testRuntime, mayAct: () => true });
      for (const namespace of ["a", "b", "root"]) await make(namespace);
      a = await Intruder.login(etcd.endpoint, accessName("a"), "of a");
      b = await Intruder.login(etcd.endpoint, accessName("b"), "of b");
      await b.gateway.put(`${data}b/x`, "secret");
      await raw.put(`${spec}b/DistributedLock/orders`, "{}");
      await raw.put(`${spec}a/DistributedLock/orders`, "{}");
      leased = String((await b.gateway.call("lease/grant", { TTL: 60 }))["ID"]);
      empty = String((await b.gateway.call("lease/grant", { TTL: 60 }))["ID"]);
      await b.gateway.call("kv/put", { ...one(`${data}b/leased`), value: "", lease: leased });
    });

    after(async () => {
      admin[Symbol.dispose]();
      await etcd[Symbol.asyncDispose]();
    });

    const make = async (namespace: string) => {
      const made = await users.ensure(
        { namespace, password: `of ${namespace}`, proof: "set" },
        never,
      );
      assert.equal(made.kind, "done", JSON.stringify(made));
    };
    const refuses = async (call: string, body: Record<string, unknown> = {}) => {
      assert.match((await a.refused(call, body)) ?? "it was done", /permission denied/, call);
    };
    const permits = async (call: string, body: Record<string, unknown> = {}) => {
      assert.equal(await a.refused(call, body), undefined, call);
    };

    it("have what they need: their own data, their part of the spec tree, and the installation", async () => {
      await permits("kv/put", { ...one(`${data}a/x`), value: base64("1") });
      await permits("kv/range", all(`${data}a/`));
      await permits("kv/range", all(`${spec}a/`));
      await permits("kv/range", one(`${spec}installation`));
      await permits("kv/deleterange", one(`${data}a/x`));
    });

    it("read nothing of each other: no value, no key, no count", async () => {
      for (const range of [one(`${data}b/x`), all(`${data}b/`), both, everything]) {
        await refuses("kv/range", range);
        await refuses("kv/range", { ...range, count_only: true });
        await refuses("kv/range", { ...range, keys_only: true });
        await refuses("kv/range", { ...range, serializable: true });
        await refuses("kv/range", { ...range, revision: "2" });
      }
      await refuses("kv/range", one(`${spec}b/DistributedLock/orders`));
      await refuses("kv/range", all(`${spec}b/`));
    });

    it("see no event of each other, whatever range and revision they ask for", async () => {
      for (const range of [one(`${data}b/x`), all(`${data}b/`), both, everything, all(spec)]) {
        for (const more of [{}, { start_revision: "1", prev_kv: true }]) {
          const watched = await a.watch({ ...range, ...more });
          assert.match(JSON.stringify(watched), /permission denied/i);
        }
      }
      await a.gateway.put(`${data}a/watched`, "1");
      const own = await a.watch({ ...all(`${data}a/`), start_revision: "1" });
      assert.ok("events" in own && own.events > 0);
    });

    it("write nothing of each other", async () => {
      const put = { ...one(`${data}b/x`), value: base64("mine") };
      await refuses("kv/put", put);
      await refuses("kv/put", { ...put, prev_kv: true });
      await refuses("kv/put", { ...one(`${data}b/x`), ignore_value: true });
      for (const range of [one(`${data}b/x`), all(`${data}b/`), both]) {
        await refuses("kv/deleterange", range);
        await refuses("kv/deleterange", { ...range, prev_kv: true });
      }
      assert.equal((await raw.get(`${data}b/x`))?.value, "secret");
    });

    it("write neither the spec tree, their own part included, nor the installation", async () => {
      for (const key of ["a/DistributedLock/x", "b/DistributedLock/x", "installation"]) {
        await refuses("kv/put", { ...one(`${spec}${key}`), value: base64("1") });
        await refuses("kv/deleterange", one(`${spec}${key}`));
      }
      await refuses("kv/put", { ...one("/elsewhere"), value: base64("1") });
    });

    it("get nothing through a transaction, wherever in it the other's keys stand", async () => {
      const inner = [
        { request_range: one(`${data}b/x`) },
        { request_put: { ...one(`${data}b/x`), value: "" } },
        { request_delete_range: one(`${data}b/x`) },
      ];
      const compare = [{ ...one(`${data}b/x`), target: "VERSION", version: "1" }];
      const ranged = [{ ...all(`${data}b/`), target: "CREATE", create_revision: "0" }];
      const never = [{ ...one(`${data}a/none`), target: "VERSION", version: "9" }];
      for (const op of inner) {
        for (const branch of ["success", "failure"]) {
          // The branch that is not taken is looked at, too.
          await refuses("kv/txn", { [branch]: [op] });
          await refuses("kv/txn", { compare: never, [branch]: [op] });
          for (const nested of ["success", "failure"]) {
            const request_txn = { [nested]: [op] };
            await refuses("kv/txn", { [branch]: [{ request_txn }] });
          }
        }
      }
      for (const compared of [compare, ranged]) {
        await refuses("kv/txn", { compare: compared, success: [] });
        await refuses("kv/txn", { success: [{ request_txn: { compare: compared } }] });
        await refuses("kv/txn", { failure: [{ request_txn: { compare: compared } }] });
      }
    });

    it("cannot touch each other's leases that hold keys, nor learn which keys", async () => {
      await refuses("lease/revoke", { ID: leased });
      await refuses("lease/keepalive", { ID: leased });
      await refuses("lease/timetolive", { ID: leased, keys: true });
      await refuses("lease/leases");
      await refuses("kv/put", { ...one(`${data}a/x`), value: "", lease: leased });
      const put = { ...one(`${data}a/x`), value: "", lease: leased };
      await refuses("kv/txn", { success: [{ request_put: put }] });
      assert.equal(await b.refused("lease/keepalive", { ID: leased }), undefined);
    });

    it("can, for all that etcd does, use and end a lease that holds no key yet, and learn that a lease lives", async () => {
      await permits("lease/timetolive", { ID: leased });
      await permits("lease/keepalive", { ID: empty });
      await permits("kv/put", { ...one(`${data}a/x`), value: "", lease: empty });
      assert.match((await b.refused("lease/keepalive", { ID: empty })) ?? "", /permission denied/);
      await permits("lease/revoke", { ID: empty });
    });

    it("change nothing of users, members and the database", async () => {
      const calls: [string, Record<string, unknown>?][] = [
        ["auth/disable"],
        ["auth/user/list"],
        ["auth/user/add", { name: "evil", password: "x" }],
        ["auth/user/changepw", { name: accessName("b"), password: "x" }],
        ["auth/user/changepw", { name: accessName("a"), password: "x" }],
        ["auth/user/grant", { user: accessName("a"), role: "root" }],
        ["auth/user/get", { name: accessName("b") }],
        ["auth/user/delete", { name: accessName("b") }],
        ["auth/role/list"],
        ["auth/role/get", { role: accessName("b") }],
        ["auth/role/grant", { name: accessName("a"), perm: { permType: "READ", ...everything } }],
        ["cluster/member/add", { peerURLs: ["http://127.0.0.1:1"] }],
        ["cluster/member/remove", { ID: "1" }],
        ["maintenance/snapshot"],
        ["maintenance/hash"],
        ["maintenance/hashkv"],
        ["maintenance/defragment"],
        ["maintenance/alarm", { action: "ACTIVATE", alarm: "NOSPACE" }],
        ["maintenance/transfer-leadership", { targetID: "1" }],
        ["kv/compaction", { revision: "2" }],
      ];
      for (const [call, body] of calls) await refuses(call, body);
    });

    it("do see, for all that etcd does, the members, their versions and sizes, and alarms", async () => {
      await permits("cluster/member/list");
      await permits("maintenance/status");
      await permits("maintenance/alarm", { action: "GET" });
    });

    it("called root are a namespace like any other", async () => {
      const root = await Intruder.login(etcd.endpoint, accessName("root"), "of root");
      assert.equal(await root.refused("kv/range", all(`${data}root/`)), undefined);
      for (const [call, body] of [
        ["kv/range", all(`${data}a/`)],
        ["kv/range", everything],
        ["auth/user/list", {}],
      ] as const)
        assert.match((await root.refused(call, body)) ?? "it was done", /permission denied/);
      // The admin still is who it was.
      assert.equal((await admin.look(never)).rights.kind, "done");
    });

    it("have a user that is mended, and not written when it is as it should be", async () => {
      const role = accessName("a");
      await raw.call("auth/role/grant", { name: role, perm: { permType: "READ", ...everything } });
      await permits("kv/range", everything);
      const wanted = { namespace: "a", password: "of a", proof: "trust" } as const;
      assert.deepEqual(await users.ensure(wanted, never), { kind: "done", value: "mended" });
      await refuses("kv/range", everything);
      const before = (await raw.call("auth/status"))["authRevision"];
      assert.deepEqual(await users.ensure(wanted, never), { kind: "done", value: "stood" });
      assert.equal((await raw.call("auth/status"))["authRevision"], before);
    });

    it("that are gone have no user any more, and tokens of it end", async () => {
      await make("gone");
      const gone = await Intruder.login(etcd.endpoint, accessName("gone"), "of gone");
      assert.deepEqual(await users.remove("gone", never), { kind: "done", value: true });
      assert.deepEqual(await users.remove("gone", never), { kind: "done", value: false });
      assert.match((await gone.refused("kv/range", all(`${data}gone/`))) ?? "", /auth token/);
      await assert.rejects(Intruder.login(etcd.endpoint, accessName("gone"), "of gone"));
    });

    it("have sidecars that lock with such a user, and see no error while others are made", async () => {
      const folder = await mkdtemp(path.join(tmpdir(), "holdfast-isolation-"));
      try {
        await make("default");
        const operator = new Operator(raw);
        await operator.install();
        await operator.publish("orders");
        const passwordFile = path.join(folder, "password");
        await writeFile(passwordFile, "of default");
        await using sidecar = await SidecarProcess.start({
          etcd: etcd.endpoint,
          env: {
            HOLDFAST_ETCD_USERNAME: accessName("default"),
            HOLDFAST_ETCD_PASSWORD_FILE: passwordFile,
          },
        });
        await eventually("the pool", async () => {
          const { body } = await sidecar.api.get("/v1/resources");
          return JSON.stringify(body).includes("orders");
        });
        await release(sidecar, await hold(sidecar, "orders/1"));
        const locks = Array.from({ length: 8 }, (_, at) => `orders/u${at}`);
        const traffic = new LockTraffic([sidecar], { locks, callers: 16 });
        for (let at = 0; at < 8; at++) {
          await traffic.grants(10);
          await make(`beside-${at}`);
        }
        await traffic.grants(50);
        const { problems } = await traffic.stop();
        assert.deepEqual(problems, []);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  });
}

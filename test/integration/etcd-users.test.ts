/** The users of namespaces as the operator makes, looks at and mends them in a real etcd, whatever others do to them there. */
import assert from "node:assert/strict";
import type { EtcdAdmin } from "#operator/etcd-admin/admin.ts";
import { accessName } from "#operator/etcd-admin/namespace-access.ts";
import { NamespaceUsers, type WantedUser } from "#operator/etcd-admin/namespace-users.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import { adminOf, Intruder, rootUser, switchUsersOn, testRuntime } from "../support/etcd-users.ts";

const never = new AbortController().signal;

for (const version of ["3.7", "3.6"] as const) {
  describe(`the users of namespaces in etcd ${version}`, function () {
    this.timeout(60_000);
    let etcd: EtcdServer;
    let raw: EtcdGateway;
    let admin: EtcdAdmin;
    let users: NamespaceUsers;

    before(async () => {
      etcd = await EtcdServer.start({ version, noFsync: true, args: ["--bcrypt-cost=4"] });
      raw = new EtcdGateway(etcd.endpoint);
      await switchUsersOn(raw);
      admin = adminOf(etcd.endpoints, rootUser);
      users = usersOf(() => true);
    });
    after(async () => {
      admin[Symbol.dispose]();
      await etcd[Symbol.asyncDispose]();
    });

    const usersOf = (mayAct: () => boolean) =>
      new NamespaceUsers({ admin: () => admin, runtime: testRuntime, mayAct });
    const revision = async () => Number((await raw.call("auth/status"))["authRevision"]);
    const ensure = async (wanted: WantedUser) => {
      const outcome = await users.ensure(wanted, never);
      return outcome.kind === "done" ? outcome.value : outcome;
    };
    const login = (namespace: string, password: string) =>
      Intruder.login(etcd.endpoint, accessName(namespace), password);

    it("are changed by nobody who may not act, wherever between two calls that comes about", async () => {
      const wanted = { namespace: "deposed", password: "new", proof: "set" } as const;
      // With the user's role, its three rights, the user, its role: six changes.
      for (let allowed = 0; allowed < 6; allowed++) {
        const before = await revision();
        let asked = 0;
        const deposed = usersOf(() => ++asked <= allowed);
        const outcome = await deposed.ensure(wanted, never);
        assert.deepEqual(outcome, {
          ...{ kind: "refused", reason: "notLeading", message: "this process leads no more" },
        });
        assert.equal((await revision()) - before, allowed);
        assert.deepEqual(deposed.writes, { done: allowed, lost: 0 });
        await users.remove("deposed", never);
      }
      assert.equal(await ensure({ ...wanted, password: "old" }), "made");
      const deposed = usersOf(() => false);
      assert.notEqual((await deposed.ensure(wanted, never)).kind, "done");
      assert.notEqual((await deposed.remove("deposed", never)).kind, "done");
      await login("deposed", "old");
    });

    it("are left at once by whoever is told to leave", async () => {
      const leaving = new AbortController();
      const leaves = usersOf(() => {
        leaving.abort(new Error("leave"));
        return true;
      });
      const wanted = { namespace: "left", password: "p", proof: "set" } as const;
      await assert.rejects(leaves.ensure(wanted, leaving.signal), /leave/);
      await assert.rejects(admin.look(leaving.signal), /leave/);
      await assert.rejects(login("left", "p"));
    });

    it("have a password that is asked about, told where etcd does not take it, and set", async () => {
      const wanted = { namespace: "shop", password: "right", proof: "check" } as const;
      assert.equal(await ensure(wanted), "made");
      assert.equal(await ensure(wanted), "stood");
      const name = accessName("shop");
      await raw.call("auth/user/changepw", { name, password: "another" });
      const before = await revision();
      assert.equal(await ensure({ ...wanted, proof: "trust" }), "stood");
      assert.equal(await ensure(wanted), "refused");
      assert.equal(await revision(), before);
      assert.equal(await ensure({ ...wanted, password: "next", proof: "set" }), "mended");
      await login("shop", "next");
    });

    it("have none where they come with certificates, which no password opens", async () => {
      const wanted = { namespace: "cert", password: undefined, proof: "check" } as const;
      assert.equal(await ensure(wanted), "made");
      for (const password of ["", "?", "right"]) await assert.rejects(login("cert", password));
      const before = await revision();
      assert.equal(await ensure(wanted), "stood");
      assert.equal(await revision(), before);
    });

    it("lose their password, and get one, when the Backend changes from one to the other", async () => {
      const by = { namespace: "both", password: "word" };
      assert.equal(await ensure({ ...by, proof: "set" }), "made");
      await login("both", "word");
      const none = { namespace: "both", password: undefined, proof: "check" } as const;
      assert.equal(await ensure(none), "mended");
      await assert.rejects(login("both", "word"));
      assert.equal(await ensure(none), "stood");
      assert.equal(await ensure({ ...by, proof: "set" }), "mended");
      const guest = await login("both", "word");
      await guest.gateway.put("/holdfast/v1/data/both/x", "1");
    });

    it("are counted in etcd's own count, so that nobody else's change goes unseen", async () => {
      const [before, counted] = [await revision(), users.writes.done];
      await ensure({ namespace: "counted", password: "p", proof: "set" });
      await ensure({ namespace: "counted", password: "q", proof: "set" });
      await ensure({ namespace: "counted", password: undefined, proof: "check" });
      await users.remove("counted", never);
      await users.remove("counted", never);
      assert.equal((await revision()) - before, users.writes.done - counted);
      const { authRevision } = await admin.look(never);
      assert.deepEqual(authRevision, { kind: "done", value: BigInt(await revision()) });
    });

    it("are told from others' by their role, also those with a hashed name", async () => {
      const long = "n".repeat(63);
      await ensure({ namespace: long, password: undefined, proof: "check" });
      await raw.call("auth/role/add", { name: "ns:theirs" });
      const of = (role: string) => users.namespaceOf(role, never);
      assert.deepEqual(await of(accessName(long)), { kind: "done", value: long });
      assert.deepEqual(await of("ns:theirs"), { kind: "done", value: undefined });
      assert.deepEqual(await of("ns:none"), { kind: "done", value: undefined });
      const { rights } = await admin.look(never);
      assert.ok(rights.kind === "done" && rights.value.includes(accessName(long)));
    });
  });
}

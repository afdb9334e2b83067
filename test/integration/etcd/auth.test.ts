import assert from "node:assert/strict";
import { type Changes, prefixRange, revision } from "#core/store.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import {
  clientOf,
  fastRuntime,
  loggedRuntime,
  never,
  putOf,
  said,
  valueOf,
  within,
} from "./client-of.ts";

/** etcd's own JSON gateway, as the administrator. */
class Admin {
  readonly #endpoint: string;
  #token: string | undefined;

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  async call(path: string, body: object): Promise<Record<string, unknown>> {
    const headers = this.#token === undefined ? {} : { authorization: this.#token };
    const response = await fetch(`${this.#endpoint}/v3/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { ...headers, connection: "close" },
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** A user who may read and write under `prefix`. */
  async user(name: string, prefix: string): Promise<void> {
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const { key, end } = prefixRange(prefix);
    const perm = { permType: "READWRITE", key: base64(key), range_end: base64(end) };
    await this.call("auth/user/add", { name, password: "secret" });
    await this.call("auth/role/add", { name });
    await this.call("auth/role/grant", { name, perm });
    await this.call("auth/user/grant", { user: name, role: name });
  }

  async enable(): Promise<void> {
    await this.call("auth/user/add", { name: "root", password: "secret" });
    await this.call("auth/user/grant", { user: "root", role: "root" });
    await this.call("auth/enable", {});
    await this.logIn();
  }

  async logIn(): Promise<void> {
    this.#token = undefined;
    const { token } = await this.call("auth/authenticate", { name: "root", password: "secret" });
    this.#token = String(token);
  }
}

const auth = { user: "team", password: "secret" };
const cheap = ["--bcrypt-cost=4"];

describe("an etcd with users", () => {
  let etcd: EtcdServer;
  let admin: Admin;
  beforeEach(async () => {
    etcd = await EtcdServer.start({ noFsync: true, args: cheap });
    admin = new Admin(etcd.endpoint);
    await admin.user("team", "/team/");
    await admin.enable();
  });
  afterEach(() => etcd[Symbol.asyncDispose]());

  it("refuses who may not, and says so", async () => {
    const runtime = fastRuntime();
    await using team = await clientOf(etcd.endpoint, { runtime, auth });
    assert.equal(said(await team.sendTxn(putOf("/team/k"))), "done");
    assert.equal(said(await team.sendTxn(putOf("/other/k"))), "refused permissionDenied");
    const read = await team.read([{ key: "/other/k" }], within(runtime));
    assert.equal(said(read), "refused permissionDenied");
    const watching = (async () => {
      for await (const changes of team.watch(prefixRange("/other/"), revision(1), never)) {
        assert.fail(changes.kind);
      }
    })();
    await assert.rejects(watching, /permission denied/);
    for (const wrong of [undefined, { user: "team", password: "wrong" }]) {
      await using client = await clientOf(etcd.endpoint, { runtime, auth: wrong });
      const outcome = said(await client.sendTxn(putOf("/team/k")));
      assert.match(outcome, /refused (notSent|unauthenticated)/);
    }
  });

  it("goes on watching and writing beside a watch that is refused", async () => {
    await using team = await clientOf(etcd.endpoint, { auth });
    const bad = team.watch(prefixRange("/other/"), revision(1), never)[Symbol.asyncIterator]();
    const good = team.watch(prefixRange("/team/"), revision(1), never)[Symbol.asyncIterator]();
    const [refused, changes] = [bad.next(), good.next()];
    await assert.rejects(refused, /permission denied/);
    valueOf(await team.sendTxn(putOf("/team/k")));
    const first = (await changes) as { readonly value: Changes };
    assert.equal(first.value.kind, "changes");
    await good.return?.();
  });

  it("lets no caller see that users are made while it writes, reads and watches", async () => {
    const runtime = loggedRuntime();
    await using team = await clientOf(etcd.endpoint, { runtime, auth });
    valueOf(await team.sendTxn(putOf("/team/first")));
    let making = true;
    let seen = 0;
    const stop = new AbortController();
    const watching = (async () => {
      for await (const changes of team.watch(prefixRange("/team/"), revision(1), stop.signal)) {
        if (changes.kind === "changes") seen += changes.events.length;
      }
    })();
    let written = 1;
    const writers = Array.from({ length: 64 }, async (_, writer) => {
      for (let n = 0; making; n++) {
        valueOf(await team.sendTxn(putOf(`/team/${writer}/${n}`)));
        written += 1;
      }
    });
    const readers = Array.from({ length: 4 }, async () => {
      while (making) valueOf(await team.read([{ key: "/team/first" }], within(runtime)));
    });
    for (let n = 0; n < 8; n++) await admin.user(`user${n}`, `/user${n}/`);
    making = false;
    await Promise.all([...writers, ...readers]);
    while (seen < written) await new Promise((resolve) => setImmediate(resolve));
    stop.abort(new Error("enough"));
    await watching;
    assert.equal(seen, written);
  });

  it("lets no caller see that the tokens ended, nor that etcd was restarted", async () => {
    const runtime = loggedRuntime();
    await using team = await clientOf(etcd.endpoint, { runtime, auth });
    valueOf(await team.sendTxn(putOf("/team/k")));
    // A simple token lives in the memory of the member that gave it.
    await etcd.restart();
    valueOf(await team.read([{ key: "/team/k" }], within(runtime)));
    valueOf(await team.sendTxn(putOf("/team/k")));
  });

  it("may get its users, and lose them, while a client is there", async () => {
    await admin.call("auth/disable", {});
    const runtime = loggedRuntime();
    await using team = await clientOf(etcd.endpoint, { runtime, auth });
    valueOf(await team.sendTxn(putOf("/anything")));
    await admin.call("auth/enable", {});
    valueOf(await team.sendTxn(putOf("/team/k")));
    assert.equal(said(await team.sendTxn(putOf("/anything"))), "refused permissionDenied");
    await admin.logIn();
    await admin.call("auth/disable", {});
    valueOf(await team.sendTxn(putOf("/anything")));
  });
});

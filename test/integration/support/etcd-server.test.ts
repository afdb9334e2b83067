import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import http from "node:http";
import { describe, it } from "mocha";
import { EtcdServer } from "../../support/etcd-server.ts";

/** Over etcd's JSON gateway: these tests need no client of ours. */
async function call(
  endpoint: string,
  path: string,
  body: object,
): Promise<Record<string, unknown>> {
  const bytes = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = http.request(
      `${endpoint}/v3/${path}`,
      { method: "POST", agent: false, timeout: 5_000 },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => (text += part));
        answer.on("end", () => {
          resolve(JSON.parse(text) as Record<string, unknown>);
        });
      },
    );
    request.on("timeout", () => request.destroy(new Error("no answer")));
    request.on("error", reject);
    request.end(bytes);
  });
}

const base64 = (text: string) => Buffer.from(text).toString("base64");
const put = (endpoint: string) =>
  call(endpoint, "kv/put", { key: base64("a"), value: base64("b") });
const get = (endpoint: string) => call(endpoint, "kv/range", { key: base64("a") });
const clusterOf = (answer: Record<string, unknown>) =>
  (answer["header"] as { cluster_id: string }).cluster_id;

describe("a real etcd for tests", function () {
  this.timeout(60_000);

  it("keeps its data over a restart and a kill, and its folder goes with it", async () => {
    let folder: string;
    {
      await using etcd = await EtcdServer.start();
      folder = etcd.dataFolder;
      await put(etcd.endpoint);
      await etcd.restart();
      assert.equal((await get(etcd.endpoint))["count"], "1");
      await etcd.kill();
      await etcd.startAll();
      assert.equal((await get(etcd.endpoint))["count"], "1");
    }
    assert.equal(existsSync(folder), false);
  });

  it("is another cluster after its data is wiped, or the same one where that is asked", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    const first = clusterOf(await put(etcd.endpoint));
    await etcd.stop();
    await etcd.wipe();
    await etcd.startAll();
    const second = await get(etcd.endpoint);
    assert.equal(second["count"], undefined);
    assert.notEqual(clusterOf(second), first);
    await etcd.stop();
    await etcd.wipe({ sameCluster: true });
    await etcd.startAll();
    assert.equal(clusterOf(await get(etcd.endpoint)), clusterOf(second));
  });

  it("answers nothing while it is paused, and all that was asked once it is resumed", async () => {
    await using etcd = await EtcdServer.start({ noFsync: true });
    await etcd.pause();
    let answered = false;
    const answer = put(etcd.endpoint).then(() => (answered = true));
    // Paused, it cannot even answer another request that was sent later.
    await assert.rejects(etcd.member(0).healthy(50));
    assert.equal(answered, false);
    etcd.resume();
    await answer;
  });

  it("serves with two members of three, and tells of one that ended by itself", async () => {
    await using etcd = await EtcdServer.start({ members: 3, noFsync: true });
    await put(etcd.member(0).endpoint);
    await etcd.member(2).kill();
    await assert.rejects(etcd.member(2).healthy(), /m2 ended/);
    await etcd.member(1).healthy();
    await etcd.member(2).start();
    assert.equal((await get(etcd.member(2).endpoint))["count"], "1");
  });

  for (const version of ["3.6", "3.4"] as const) {
    it(`runs ${version} as well`, async function () {
      const etcd = await EtcdServer.start({ version, noFsync: true }).catch((error: unknown) => {
        if ((error as Error).name !== "ToolMissing") throw error;
        return this.skip();
      });
      await using _ = etcd;
      await put(etcd.endpoint);
      assert.equal((await get(etcd.endpoint))["count"], "1");
    });
  }
});

import assert from "node:assert/strict";
import net from "node:net";
import { after, before, describe, it } from "mocha";
import { parseDurationMs } from "#api/fields/duration.ts";
import { EtcdGateway } from "../support/etcd-gateway.ts";
import { EtcdServer } from "../support/etcd-server.ts";
import type { Answer } from "../support/http-client.ts";
import { eventually } from "../support/poll.ts";
import { mutex, SidecarProcess } from "../support/sidecar-process.ts";

const ms = (text: unknown) => parseDurationMs(String(text));

describe("a lock over HTTP", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    sidecar = await SidecarProcess.start({
      etcd: etcd.endpoint,
      pod: "pod-a",
      resources: [mutex("orders"), mutex("paged"), mutex("held", "maxHold: 1s")],
    });
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  const acquire = (name: string, query = "", headers: Record<string, string> = {}) =>
    sidecar.api.post(`/v1/locks/orders/${name}/acquire${query}`, { headers });
  const granted = async (name: string, query = ""): Promise<string> => {
    const answer = await acquire(name, query);
    assert.equal(answer.status, 200, answer.text);
    return String(answer.body["grantId"]);
  };
  const release = (grantId: string) => sidecar.api.delete(`/v1/grants/${grantId}`);
  const lockOf = async (name: string) => (await sidecar.api.get(`/v1/locks/orders/${name}`)).body;
  const waitersOf = async (name: string) =>
    ((await lockOf(name))["waiters"] as { holder: string }[]).map(({ holder }) => holder);
  /** Until so many stand in the queue of the lock. */
  const queued = (name: string, count: number) =>
    eventually(`${count} waiters of ${name}`, async () => (await waitersOf(name)).length === count);

  it("is granted with an id, a fence, and what the grant promises", async () => {
    const answer = await acquire("42", "?wait=5s&ttl=1m&holder=worker-1");
    assert.equal(answer.status, 200);
    const { body } = answer;
    assert.equal(body["lock"], "orders/42");
    assert.equal(body["mode"], "exclusive");
    assert.equal(body["permits"], 1);
    assert.equal(body["hold"], "ttl");
    assert.equal(body["ttl"], "1m");
    assert.equal(body["holder"], "worker-1");
    assert.ok(BigInt(String(body["fence"])) > 0n);
    assert.ok(ms(body["expiresIn"]) > 30_000 && ms(body["expiresIn"]) <= 60_000);
    // The session's deadline, 10 s less its margin, comes before the ttl.
    assert.ok(ms(body["guaranteedFor"]) > 0 && ms(body["guaranteedFor"]) <= 9_000);
    assert.ok(Math.abs(Date.parse(String(body["acquiredAt"])) - Date.now()) < 60_000);
    await release(String(body["grantId"]));
  });

  it("is refused with 423 when the wait is over, naming the holder, its pod, since when, and how many wait", async () => {
    const first = await acquire("named", "?holder=worker-1&ttl=1m");
    const second = await acquire("named", "?wait=300ms&holder=worker-2");
    assert.equal(second.status, 423);
    assert.equal(second.body["code"], "lock_held");
    assert.equal(second.body["holder"], "worker-1");
    assert.equal(second.body["pod"], "pod-a");
    assert.equal(second.body["lock"], "orders/named");
    assert.equal(second.body["since"], first.body["acquiredAt"]);
    assert.ok(second.tookMs >= 300, "not before its wait was over");
    const tried = await acquire("named");
    assert.equal(tried.status, 423);
    assert.equal(tried.body["holder"], "worker-1");
    await release(String(first.body["grantId"]));
  });

  it("goes to the one that waits longest the moment its holder releases it", async () => {
    const holder = await granted("queue", "?ttl=1m&holder=h");
    const order: string[] = [];
    const waiting: Promise<Answer>[] = [];
    for (const [index, name] of ["a", "b", "c"].entries()) {
      waiting.push(
        acquire("queue", `?wait=1m&ttl=1m&holder=${name}`).then((answer) => {
          order.push(name);
          return answer;
        }),
      );
      await queued("queue", index + 1);
    }
    assert.deepEqual(await waitersOf("queue"), ["a", "b", "c"]);
    const fences: bigint[] = [];
    let grantId = holder;
    for (const [index, answered] of waiting.entries()) {
      // Nothing else was answered while the one before it held.
      assert.equal(order.length, index);
      assert.equal((await release(grantId)).status, 204);
      const answer = await answered;
      assert.equal(answer.status, 200);
      fences.push(BigInt(String(answer.body["fence"])));
      grantId = String(answer.body["grantId"]);
    }
    assert.deepEqual(order, ["a", "b", "c"]);
    assert.ok(fences.every((fence, index) => index === 0 || fence > (fences[index - 1] ?? fence)));
    await release(grantId);
  });

  it("shows its holder and its waiters in order, and a free one shows nobody", async () => {
    assert.deepEqual(await lockOf("shown"), { lock: "orders/shown", holders: [], waiters: [] });
    const body = { holder: "h", ttl: "1m", metadata: { job: "7", why: "näher" } };
    const grant = await sidecar.api.post("/v1/locks/orders/shown/acquire", { body });
    const waits = ["w1", "w2"].map((holder) => acquire("shown", `?wait=1m&holder=${holder}`));
    await queued("shown", 2);
    const seen = await lockOf("shown");
    const [holder] = seen["holders"] as Record<string, unknown>[];
    assert.equal(holder?.["holder"], "h");
    assert.equal(holder["pod"], "pod-a");
    assert.equal(holder["fence"], grant.body["fence"]);
    assert.equal(holder["since"], grant.body["acquiredAt"]);
    assert.deepEqual(holder["metadata"], { job: "7", why: "näher" });
    assert.equal((seen["waiters"] as unknown[]).length, 2);
    await release(String(grant.body["grantId"]));
    for (const wait of waits) {
      const next = await wait;
      await release(String(next.body["grantId"]));
    }
  });

  it("is renewed: the ttl begins again, and may be another", async () => {
    const grantId = await granted("renewed", "?ttl=1m");
    const renewed = await sidecar.api.post(`/v1/grants/${grantId}/renew?ttl=5m`);
    assert.equal(renewed.status, 200);
    assert.equal(renewed.body["ttl"], "5m");
    assert.ok(ms(renewed.body["expiresIn"]) > 240_000);
    const again = await sidecar.api.post(`/v1/grants/${grantId}/renew`, { body: {} });
    assert.equal(again.body["ttl"], "5m");
    const got = await sidecar.api.get(`/v1/grants/${grantId}`);
    assert.equal(got.body["grantId"], grantId);
    assert.equal(got.body["ttl"], "5m");
    await release(grantId);
  });

  it("is free again when the ttl ends without a renewal, and its holder is told so", async () => {
    const first = await acquire("expired", "?ttl=200ms&holder=forgetful");
    const second = await acquire("expired", "?wait=20s&ttl=1m");
    assert.equal(second.status, 200);
    assert.ok(BigInt(String(second.body["fence"])) > BigInt(String(first.body["fence"])));
    const late = await sidecar.api.post(`/v1/grants/${String(first.body["grantId"])}/renew`);
    assert.equal(late.status, 409);
    assert.equal(late.body["code"], "grant_lost");
    assert.equal(late.body["reason"], "expired");
    assert.ok(
      Date.parse(String(late.body["since"])) >= Date.parse(String(first.body["acquiredAt"])),
    );
    assert.equal((await release(String(first.body["grantId"]))).status, 409);
    await release(String(second.body["grantId"]));
  });

  it("ends at maxHold, however often it is renewed", async () => {
    const first = await sidecar.api.post("/v1/locks/held/1/acquire?ttl=1m");
    assert.ok(ms(first.body["expiresIn"]) <= 1_000);
    const id = String(first.body["grantId"]);
    const second = sidecar.api.post("/v1/locks/held/1/acquire?wait=20s");
    let told = await sidecar.api.post(`/v1/grants/${id}/renew?ttl=1m`);
    while (told.status === 200) told = await sidecar.api.post(`/v1/grants/${id}/renew?ttl=1m`);
    assert.equal(told.body["reason"], "maxHold");
    assert.equal((await second).status, 200);
    await release(String((await second).body["grantId"]));
  });

  it("is released by DELETE, which may be repeated; the grant is over then", async () => {
    const grantId = await granted("released", "?ttl=1m");
    assert.equal((await release(grantId)).status, 204);
    assert.equal((await release(grantId)).status, 204);
    const got = await sidecar.api.get(`/v1/grants/${grantId}`);
    assert.equal(got.status, 409);
    assert.equal(got.body["reason"], "released");
    await release(await granted("released"));
  });

  it("knows no grant that it never gave", async () => {
    const never = await sidecar.api.get("/v1/grants/nonsense");
    assert.equal(never.status, 404);
    assert.equal(never.body["code"], "grant_not_found");
    const grantId = await granted("never");
    await release(grantId);
    const [session = ""] = grantId.split("-");
    assert.equal((await release(`${session}-9999999999-0`)).status, 404);
    const other = `${"0".repeat(20)}-0000000001-0`;
    const gone = await sidecar.api.get(`/v1/grants/${other}`);
    assert.equal(gone.status, 409);
    assert.equal(gone.body["reason"], "sessionLost");
  });

  it("answers grantId and fence on one line where text is asked for", async () => {
    const answer = await acquire("text", "", { Accept: "text/plain" });
    assert.equal(answer.status, 200);
    assert.match(String(answer.headers["content-type"]), /^text\/plain/);
    const [grantId = "", fence = "", ...rest] = answer.text.trimEnd().split(" ");
    assert.deepEqual(rest, []);
    assert.ok(answer.text.endsWith("\n") && BigInt(fence) > 0n);
    const held = await acquire("text", "", { Accept: "text/plain" });
    assert.equal(held.body["code"], "lock_held");
    assert.equal((await release(grantId)).status, 204);
  });

  it("answers a repeated requestId with the same grant, and with 409 after its release", async () => {
    const first = await acquire("repeated", "?requestId=r1&ttl=1m");
    const second = await acquire("repeated", "?requestId=r1&ttl=1m");
    assert.equal(second.status, 200);
    assert.equal(second.body["grantId"], first.body["grantId"]);
    assert.equal(second.body["fence"], first.body["fence"]);
    assert.equal((await acquire("repeated", "?requestId=r2")).status, 423);
    // For another lock the same id is another request.
    const other = await acquire("repeated-too", "?requestId=r1");
    assert.notEqual(other.body["grantId"], first.body["grantId"]);
    await release(String(other.body["grantId"]));
    await release(String(first.body["grantId"]));
    const late = await acquire("repeated", "?requestId=r1&ttl=1m");
    assert.equal(late.status, 409);
    assert.equal(late.body["code"], "grant_lost");
    await release(await granted("repeated"));
  });

  it("answers both where a request is repeated while the first still waits", async () => {
    const holder = await granted("both", "?ttl=1m");
    const first = acquire("both", "?requestId=r1&wait=1m&ttl=1m");
    await queued("both", 1);
    const second = acquire("both", "?requestId=r1&wait=1m&ttl=1m");
    const third = acquire("both", "?requestId=r3&wait=1m&ttl=1m");
    await queued("both", 2);
    await release(holder);
    const [one, two] = await Promise.all([first, second]);
    assert.equal(one.body["grantId"], two.body["grantId"]);
    await release(String(one.body["grantId"]));
    await release(String((await third).body["grantId"]));
  });

  it("answers a try at once that repeats a request which still waits", async () => {
    const holder = await granted("tried", "?ttl=1m");
    const waiting = acquire("tried", "?requestId=r1&wait=1m&ttl=1m");
    await queued("tried", 1);
    assert.equal((await acquire("tried", "?requestId=r1&wait=0s")).status, 423);
    await release(holder);
    await release(String((await waiting).body["grantId"]));
  });

  it("answers a question and a release that come in one packet, each truly", async () => {
    for (const [method, path] of [
      ["GET", ""],
      ["POST", "/renew"],
    ] as const) {
      const grantId = await granted("pipelined", "?ttl=1m");
      const at = `/v1/grants/${grantId}`;
      const end = "host: localhost\r\ncontent-length: 0";
      const statuses = await sendAtOnce(sidecar.api, [
        `${method} ${at}${path} HTTP/1.1\r\n${end}\r\n\r\n`,
        `DELETE ${at} HTTP/1.1\r\n${end}\r\nconnection: close\r\n\r\n`,
      ]);
      assert.deepEqual(statuses, ["200", "204"]);
    }
    await release(await granted("pipelined"));
  });

  it("is held by the session where that is asked: it has no ttl", async () => {
    const answer = await acquire("pods-own", "?hold=session");
    assert.equal(answer.body["hold"], "session");
    assert.equal(answer.body["ttl"], undefined);
    assert.equal(answer.body["expiresIn"], undefined);
    assert.ok(ms(answer.body["guaranteedFor"]) > 0);
    const renewed = await sidecar.api.post(`/v1/grants/${String(answer.body["grantId"])}/renew`);
    assert.equal(renewed.status, 200);
    const ttl = await sidecar.api.post(`/v1/grants/${String(answer.body["grantId"])}/renew?ttl=1m`);
    assert.equal(ttl.status, 400);
    assert.equal(ttl.body["field"], "ttl");
    await release(String(answer.body["grantId"]));
  });

  it("is released with all others of a holder by its name", async () => {
    const names = ["mine-1", "mine-2", "mine-3"];
    for (const name of names) await granted(name, "?holder=app&hold=session");
    await granted("yours", "?holder=other&ttl=1m");
    const released = await sidecar.api.delete("/v1/grants?holder=app");
    assert.equal(released.status, 200);
    assert.deepEqual(released.body, { released: 3 });
    for (const name of names) await release(await granted(name));
    assert.equal((await acquire("yours")).status, 423);
    assert.deepEqual((await sidecar.api.delete("/v1/grants?holder=other")).body, { released: 1 });
    assert.deepEqual((await sidecar.api.delete("/v1/grants?holder=other")).body, { released: 0 });
  });

  it("takes any name, percent-encoded", async () => {
    for (const name of ["a/b", "ü ñ 日本", "%", ".", "..", "a?b#c", "x".repeat(512)]) {
      const path = encodeURIComponent(name).replace(/^\.{1,2}$/, (dots) =>
        "%2E".repeat(dots.length),
      );
      const answer = await acquire(path, "?ttl=1m");
      assert.equal(answer.status, 200, `${name}: ${answer.text}`);
      assert.equal(answer.body["lock"], `orders/${name}`);
      assert.equal((await acquire(path)).status, 423);
      assert.equal((await lockOf(path))["lock"], `orders/${name}`);
      await release(String(answer.body["grantId"]));
    }
  });

  it("is listed with its pool, page by page, with the totals of all", async () => {
    const names = ["a1", "a2", "a3", "b1", "b2"];
    const grants: string[] = [];
    for (const name of names) {
      const answer = await sidecar.api.post(`/v1/locks/paged/${name}/acquire?ttl=1m`);
      grants.push(String(answer.body["grantId"]));
    }
    const waiting = sidecar.api.post("/v1/locks/paged/b1/acquire?wait=1m");
    await eventually("the waiter of b1", async () => {
      const { totals } = (await sidecar.api.get("/v1/locks/paged")).body as {
        totals: Record<string, unknown>;
      };
      return totals["waiting"] === 1;
    });
    const pages: string[][] = [];
    let query = "?limit=2";
    for (;;) {
      const { body } = await sidecar.api.get(`/v1/locks/paged${query}`);
      assert.equal(body["pool"], "paged");
      const totals = body["totals"] as Record<string, unknown>;
      assert.deepEqual([totals["names"], totals["held"], totals["waiting"]], [5, 5, 1]);
      assert.ok(Date.parse(String(totals["oldestWaitSince"])) <= Date.now());
      pages.push((body["locks"] as { lock: string }[]).map(({ lock }) => lock));
      const { continue: next } = body as { continue?: string };
      if (next === undefined) break;
      query = `?limit=2&continue=${encodeURIComponent(next)}`;
    }
    assert.deepEqual(pages, [["paged/a1", "paged/a2"], ["paged/a3", "paged/b1"], ["paged/b2"]]);
    const prefixed = await sidecar.api.get("/v1/locks/paged?prefix=b");
    assert.deepEqual(
      (prefixed.body["locks"] as { lock: string }[]).map(({ lock }) => lock),
      ["paged/b1", "paged/b2"],
    );
    await release(grants[3] ?? "");
    await release(String((await waiting).body["grantId"]));
    for (const grant of [0, 1, 2, 4]) await release(grants[grant] ?? "");
    assert.deepEqual((await sidecar.api.get("/v1/locks/paged")).body["locks"], []);
  });

  it("leaves no key in etcd when all is released", async () => {
    const raw = new EtcdGateway(etcd.endpoint);
    await eventually("an empty data tree", async () => {
      const keys = (await raw.under("/holdfast/v1/data/default/")).map(({ key }) => key);
      return keys.every((key) => key.includes("/sessions/")) && keys.length === 1;
    });
  });
});

/** All in one write over one connection; gives back the statuses of the answers. */
async function sendAtOnce(
  { host, port }: { readonly host: string; readonly port: number },
  requests: readonly string[],
): Promise<string[]> {
  const socket = net.connect(port, host);
  socket.write(requests.join(""));
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status ?? "");
}

/** `holdfast locks`: what a person sees of a real sidecar's locks. */
import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, it } from "mocha";
import { cli, CliProcess } from "#test/support/cli-process.ts";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { acquireSet, hold, queued, release, type Held } from "#test/support/lock-calls.ts";
import { eventually } from "#test/support/poll.ts";
import { brief, mutex, pool, SidecarProcess } from "#test/support/sidecar-process.ts";
import { urlOf } from "../client/support.ts";

describe("holdfast locks", function () {
  this.timeout(60_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;
  let url: string;
  let first: Held;
  const waits: Promise<Held>[] = [];
  const kept = [mutex("sticky", "stickyFor: 1h"), mutex("delayed", "lockDelay: 10m")];

  const locks = (...args: string[]) => cli(["locks", ...args], { url });
  /** Cells by the heads of the columns. */
  const rowsOf = (table: string): Record<string, string>[] => {
    const [heads = [], ...rows] = table
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {3,}/));
    return rows.map((cells) =>
      Object.fromEntries(heads.map((head, at) => [head, cells[at] ?? ""])),
    );
  };

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    sidecar = await SidecarProcess.start({
      ...{ etcd: etcd.endpoint, pod: "pod-a" },
      resources: [mutex("orders"), pool("reports", "mode: ReadWrite"), mutex("idle"), ...kept],
    });
    url = urlOf(sidecar);
    first = await hold(sidecar, "orders/42", { holder: "alice" });
    waits.push(hold(sidecar, "orders/42", { holder: "bob", wait: "1m" }));
    await queued(sidecar, "orders/42", 1);
    waits.push(hold(sidecar, "orders/42", { holder: "carol", wait: "1m" }));
    await queued(sidecar, "orders/42", 2);
    await hold(sidecar, "orders/7", { holder: "dave" });
    await hold(sidecar, "orders/a%2Fb%20c", { holder: "erin" });
    await hold(sidecar, "reports/r", { holder: "frank", mode: "shared" });
    await hold(sidecar, "reports/r", { holder: "grace", mode: "shared" });
  });

  after(async () => {
    await release(sidecar, first);
    for (const waiting of waits) await release(sidecar, await waiting);
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  it("ls shows the locks of a pool in a table", async () => {
    const { code, out, err } = await locks("ls", "orders");
    assert.deepEqual({ code, err }, { code: 0, err: "" });
    const rows = rowsOf(out).map(({ HELD, ...row }) => {
      assert.match(HELD ?? "", /^\d+s$/);
      return row;
    });
    assert.deepEqual(rows, [
      { LOCK: "orders/42", HOLDER: "alice", MODE: "exclusive", WAITING: "2" },
      { LOCK: "orders/7", HOLDER: "dave", MODE: "exclusive", WAITING: "0" },
      { LOCK: "orders/a/b c", HOLDER: "erin", MODE: "exclusive", WAITING: "0" },
    ]);
    const [shared] = rowsOf((await locks("ls", "reports")).out);
    assert.equal(shared?.["HOLDER"], "frank and 1 more");
    const [wide] = rowsOf((await locks("ls", "orders", "--prefix", "4", "-o", "wide")).out);
    assert.equal(wide?.["POD"], "pod-a");
    assert.equal(wide["FENCE"], String(first.fence));
  });

  it("ls takes its flags also before its words, and judges them there", async () => {
    const names = "orders/42\norders/7\norders/a/b c\n";
    for (const line of [
      ["-o", "name", "locks", "ls", "orders"],
      ["--output=name", "locks", "ls", "orders"],
      ["locks", "-o", "name", "ls", "orders"],
    ])
      assert.deepEqual(await cli(line, { url }), { code: 0, out: names, err: "" });
    const { code, err } = await cli(["-o", "yaml", "locks", "ls", "orders"], { url });
    assert.equal(code, 2);
    assert.match(err, /-o: 'yaml' is none of json, wide, name/);
  });

  it("ls tells names alone, all of JSON, and that there are more than it was asked for", async () => {
    assert.equal(
      (await locks("ls", "orders", "-o", "name")).out,
      "orders/42\norders/7\norders/a/b c\n",
    );
    const { out, err } = await locks("ls", "orders", "--limit", "2", "-o", "name");
    assert.equal(out, "orders/42\norders/7\n");
    assert.match(err, /There are more: these are the first 2/);
    const json = JSON.parse((await locks("ls", "orders", "--output=json")).out) as Record<
      string,
      unknown
    >;
    assert.deepEqual(json["totals"], {
      ...{ names: 3, held: 3, waiting: 2 },
      oldestWaitSince: (json["totals"] as Record<string, string>)["oldestWaitSince"],
    });
    assert.equal((json["locks"] as unknown[]).length, 3);
    const idle = await locks("ls", "idle");
    assert.deepEqual(idle, {
      code: 0,
      out: "",
      err: "No lock of the pool 'idle' is held or waited for.\n",
    });
  });

  it("get shows holders and waiters in order", async () => {
    const { out } = await locks("get", "orders/42");
    const rows = rowsOf(out).map(({ STATE, HOLDER, FENCE }) => [STATE, HOLDER, FENCE]);
    assert.deepEqual(rows, [
      ["holds", "alice", String(first.fence)],
      ["waits", "bob", "-"],
      ["waits", "carol", "-"],
    ]);
    const slashed = await locks("get", "orders/a/b c", "-o", "name");
    assert.equal(slashed.out, "orders/a/b c\n");
    const free = await locks("get", "orders/nobody");
    assert.equal(free.err, "The lock 'orders/nobody' is free, and nobody waits for it.\n");
  });

  it("get shows places that are kept: of a set that waits, of a pod that uses it no more, of one that was lost", async () => {
    const states = async (lock: string) =>
      rowsOf((await locks("get", lock)).out).map(({ STATE, HOLDER }) => [STATE, HOLDER]);
    const going = new AbortController();
    const set = acquireSet(sidecar, ["orders/42", "orders/new"], {
      ...{ holder: "ivan", wait: "1m", signal: going.signal },
    });
    await eventually("the set's turn at the other lock", async () => {
      const [first] = await states("orders/new");
      return first?.[0] === "reserved" && first[1] === "ivan";
    });
    going.abort();
    await Promise.allSettled([set]);
    await release(sidecar, await hold(sidecar, "sticky/1", { holder: "judy" }));
    await eventually("an idle place", async () => (await states("sticky/1"))[0]?.[0] === "idle");
    await using far = await SidecarProcess.start({
      ...{ etcd: etcd.endpoint, pod: "pod-b", sessionTtl: brief, resources: kept },
    });
    const lost = await hold(far, "delayed/1", { holder: "mallory" });
    const waiting = new AbortController();
    const next = hold(sidecar, "delayed/1", {
      ...{ holder: "niaj", wait: "1m", signal: waiting.signal },
    });
    await queued(sidecar, "delayed/1", 1);
    await using events = new CliProcess(["locks", "events", "delayed/1"], { url });
    await events.said(" holder mallory (pod-b, fence ");
    await far.kill();
    await events.said(" vacant; mallory (pod-b) was lost, kept until 20");
    await eventually("the loss", async () => (await states("delayed/1"))[0]?.[0] === "lost");
    const [first, second] = rowsOf((await locks("get", "delayed/1")).out);
    assert.deepEqual(
      [first?.["HOLDER"], first?.["POD"], first?.["FENCE"]],
      ["mallory", "pod-b", lost.fence.toString()],
    );
    assert.match(first?.["UNTIL"] ?? "", /^\d{4}-\d{2}-\d{2}T.*Z$/);
    assert.deepEqual(
      [second?.["STATE"], second?.["HOLDER"], second?.["UNTIL"]],
      ["waits", "niaj", "-"],
    );
    waiting.abort();
    await Promise.allSettled([next]);
  });

  it("events tells who holds the lock, and each change, in lines and in JSON, until nobody reads on", async () => {
    await using events = new CliProcess(["locks", "events", "orders/seen"], { url });
    await events.said(" vacant\n");
    await using json = new CliProcess(["locks", "events", "orders/seen", "-o", "json"], { url });
    await json.said('{"kind":"vacant"}\n');
    const held = await hold(sidecar, "orders/seen", { holder: "heidi" });
    await events.said(` holder heidi (pod-a, fence ${held.fence})\n`);
    await json.said('"holder":"heidi"');
    await release(sidecar, held);
    await eventually("the lock to be free", () => events.out.split(" vacant\n").length === 3);
    events.signal("SIGINT");
    await events.end;
    const command = `"${process.execPath}" cli/main.ts locks events orders/seen | head -1`;
    await using head = new CliProcess([], { url, program: ["sh", "-c", command] });
    await head.said(" vacant\n");
    // What it writes next, nobody reads.
    await release(sidecar, await hold(sidecar, "orders/seen"));
    assert.deepEqual((await head.end).err, "");
  });

  it("says what is wrong, and what would be right, with 1 for what failed and 2 for how it was called", async () => {
    const cases: [string[], number, RegExp][] = [
      [["ls", "odrers"], 1, /pool.*'odrers'/],
      [["ls", "orders", "--url", "http://127.0.0.1:9"], 1, /no sidecar at .*HOLDFAST_URL/],
      [["ls"], 2, /POOL is missing[^]*usage: holdfast locks ls POOL/],
      [["get", "orders"], 2, /'orders' names no lock\. Write pool and name, as in orders\/42/],
      [["get", "orders/1", "orders/2"], 2, /'orders\/2' is too much/],
      [["ls", "orders", "--prefx", "a"], 2, /no flag --prefx here\. Did you mean --prefix\?/],
      [["ls", "orders", "-o", "jso"], 2, /'jso' is none of json, wide, name; did you mean json\?/],
      [["ls", "orders", "--limit", "0"], 2, /'0' is no whole number from 1/],
      [["ls", "orders", "--limit"], 2, /--limit needs a value: --limit COUNT/],
      [["list", "orders"], 2, /no command 'locks list'\. Did you mean 'holdfast locks ls'\?/],
      [[], 2, /locks ls[^]*locks get/],
    ];
    for (const [args, wanted, pattern] of cases) {
      const { code, out, err } = await locks(...args);
      assert.equal(out, "", args.join(" "));
      assert.match(err, pattern);
      assert.equal(code, wanted, args.join(" "));
    }
  });
});

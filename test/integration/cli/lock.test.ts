/** `holdfast lock`: a command under a lock, with real commands, a real sidecar and what befalls them. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { after, before, describe, it } from "mocha";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { cli, CliProcess } from "#test/support/cli-process.ts";
import { hold, holdersOf, queued, release, works } from "#test/support/lock-calls.ts";
import { eventually, inTime } from "#test/support/poll.ts";
import { Terminal } from "#test/support/terminal.ts";
import { together } from "#test/support/together.ts";
import { brief, mutex, pool, SidecarProcess } from "#test/support/sidecar-process.ts";
import { urlOf } from "../client/support.ts";

const resources = [
  mutex("orders"),
  pool("reports", "mode: ReadWrite"),
  pool("licences", "mode: Semaphore, permits: 3"),
];
/** A command that says that it runs, and ends when it is told to. */
const sleeper = ["sh", "-c", "echo runs; exec sleep 1000"];
/** One that hears SIGTERM and goes on. */
const stubborn = ["sh", "-c", "trap 'echo heard' TERM; echo runs $$; while :; do sleep 0.05; done"];

describe("holdfast lock", function () {
  this.timeout(120_000);
  let etcd: EtcdServer;
  let sidecar: SidecarProcess;
  let url: string;

  const start = (sessionTtl?: string): Promise<SidecarProcess> =>
    SidecarProcess.start({
      ...{ etcd: etcd.endpoint, resources },
      ...(sessionTtl === undefined ? {} : { sessionTtl }),
    });
  const run = (...args: string[]) => cli(["lock", ...args], { url });
  const onFar = (far: SidecarProcess, args: readonly string[]) =>
    new CliProcess(["lock", ...args], { url: urlOf(far) });
  const begin = (...args: string[]) => new CliProcess(["lock", ...args], { url });

  before(async () => {
    etcd = await EtcdServer.start({ noFsync: true });
    sidecar = await start();
    url = urlOf(sidecar);
  });

  after(async () => {
    await sidecar[Symbol.asyncDispose]();
    await etcd[Symbol.asyncDispose]();
  });

  it("runs the command while the lock is held, tells it the fence, and gives the lock back", async () => {
    const script =
      'echo "$HOLDFAST_LOCK $HOLDFAST_FENCE $HOLDFAST_GRANT"; echo "$@"; cat /dev/null';
    const told = await run("orders/a", "--", "sh", "-c", script, "sh", "--wait", "x y");
    assert.deepEqual({ code: told.code, err: told.err }, { code: 0, err: "" });
    const [about = "", rest] = told.out.trim().split("\n");
    const [lock, fence = "", grant = ""] = about.split(" ");
    assert.equal(lock, "orders/a");
    assert.equal(rest, "--wait x y");
    const held = await hold(sidecar, "orders/a");
    assert.ok(held.fence > BigInt(fence) && BigInt(fence) > 0n);
    assert.equal((await sidecar.api.get(`/v1/grants/${grant}`)).status, 409);
    await release(sidecar, held);
  });

  it("shows holder and metadata to who looks", async () => {
    await using running = begin(
      ...["orders/b", "--holder", "me", "--metadata", "job=1", "--metadata", "of=a=b"],
      ...["--", ...sleeper],
    );
    await running.said("runs");
    const { body } = await sidecar.api.get("/v1/locks/orders/b");
    const [holder] = body["holders"] as { holder: string; metadata: object }[];
    assert.equal(holder?.holder, "me");
    assert.deepEqual(holder.metadata, { job: "1", of: "a=b" });
    running.signal("SIGTERM");
    assert.equal((await running.end).code, 128 + constants.signals.SIGTERM);
    await works(sidecar, "orders/b");
  });

  it("ends with the code of the command, or 128 and the signal that ended it", async () => {
    assert.equal((await run("orders/c", "--", "sh", "-c", "exit 42")).code, 42);
    assert.equal((await run("orders/c", "--", "sh", "-c", "kill -KILL $$")).code, 137);
    await works(sidecar, "orders/c");
  });

  it("says 127 where there is no such command and 126 where it cannot be run, and gives the lock back", async () => {
    const missing = await run("orders/d", "--", "there-is-no-such-command");
    assert.equal(missing.code, 127);
    assert.match(missing.err, /no command 'there-is-no-such-command'/);
    const file = await run("orders/d", "--", "./LICENSE");
    assert.equal(file.code, 126);
    assert.match(file.err, /'\.\/LICENSE' cannot be run \(EACCES\)/);
    await works(sidecar, "orders/d");
  });

  it("waits its turn", async () => {
    const held = await hold(sidecar, "orders/e");
    await using waiting = begin("orders/e", "--wait", "1m", "--", "echo", "mine");
    await queued(sidecar, "orders/e", 1);
    assert.equal(waiting.out, "");
    await release(sidecar, held);
    const { code, out } = await waiting.end;
    assert.deepEqual({ code, out }, { code: 0, out: "mine\n" });
  });

  it("says 124 and who holds the lock where it is not granted in time, and runs nothing", async () => {
    const held = await hold(sidecar, "orders/f", { holder: "somebody" });
    for (const wait of ["0s", "100ms"]) {
      const { code, out, err } = await run("orders/f", "--wait", wait, "--", "echo", "ran");
      assert.deepEqual({ code, out }, { code: 124, out: "" });
      assert.match(err, /^holdfast: The lock 'orders\/f' is held by 'somebody'/);
    }
    await release(sidecar, held);
  });

  it("says 125 and what to do where nobody answers, the pool is not there, or the URL is none", async () => {
    const nobody = await cli(["lock", "orders/g", "--wait", "0s", "--", "echo", "ran"], {
      url: "http://127.0.0.1:9",
    });
    assert.deepEqual({ code: nobody.code, out: nobody.out }, { code: 125, out: "" });
    assert.match(nobody.err, /no sidecar at http:\/\/127\.0\.0\.1:9 .*HOLDFAST_URL/);
    const pool = await run("odrers/g", "--", "echo", "ran");
    assert.deepEqual({ code: pool.code, out: pool.out }, { code: 125, out: "" });
    assert.match(pool.err, /'odrers'/);
    const { code, err } = await run("orders/g", "--url", "localhost:4653", "--", "echo", "ran");
    assert.equal(code, 125);
    assert.match(err, /must begin with http/);
  });

  it("shares a lock, and takes permits", async () => {
    await using first = begin("reports/r", "--shared", "--", ...sleeper);
    await first.said("runs");
    assert.equal((await run("reports/r", "--shared", "--wait", "0s", "--", "true")).code, 0);
    assert.equal((await run("reports/r", "--wait", "0s", "--", "true")).code, 124);
    await using two = begin("licences/l", "--permits", "2", "--", ...sleeper);
    await two.said("runs");
    assert.equal(
      (await run("licences/l", "--permits", "2", "--wait", "0s", "--", "true")).code,
      124,
    );
    assert.equal((await run("licences/l", "--wait", "0s", "--", "true")).code, 0);
  });

  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    it(`passes ${signal} on to the command, and waits for what it makes of it`, async () => {
      const name = signal.slice(3);
      const script = `trap 'echo got ${name}; exit 7' ${name}; echo runs; while :; do sleep 0.05; done`;
      await using running = begin(`orders/s-${name}`, "--", "sh", "-c", script);
      await running.said("runs");
      running.signal(signal);
      const { code, out } = await running.end;
      assert.deepEqual({ code, out }, { code: 7, out: `runs\ngot ${name}\n` });
      await works(sidecar, `orders/s-${name}`);
    });

    it(`ends its wait on ${signal}, and leaves the line`, async () => {
      const lock = `orders/w-${signal}`;
      const held = await hold(sidecar, lock);
      await using waiting = begin(lock, "--", "echo", "ran");
      await queued(sidecar, lock, 1);
      waiting.signal(signal);
      const { code, out } = await waiting.end;
      assert.deepEqual({ code, out }, { code: 128 + constants.signals[signal], out: "" });
      await queued(sidecar, lock, 0);
      await release(sidecar, held);
      await works(sidecar, lock);
    });
  }

  describe("that lives long, or loses its lock", () => {
    together({
      "keeps the lock for longer than its ttl while the command runs": async () => {
        await using held = begin(
          "orders/h",
          "--ttl",
          "1s",
          "--",
          "sh",
          "-c",
          "echo runs; exec sleep 4",
        );
        await held.said("runs");
        const other = await run("orders/h", "--wait", "1m", "--", "echo", "after");
        assert.equal(other.out, "after\n");
        assert.equal((await held.end).code, 0, "it had ended by itself, and not lost the lock");
      },

      "leaves the lock to the next after its ttl when it is killed itself": async () => {
        await using killed = begin("orders/k", "--ttl", "1s", "--", ...sleeper);
        await killed.said("runs");
        killed.signal("SIGKILL");
        assert.equal((await run("orders/k", "--wait", "1m", "--", "true")).code, 0);
      },

      "ends the command by SIGTERM when the lock is lost, and says 123 and why": async () => {
        await using far = await start(brief);
        const script = "trap 'echo told; exit 0' TERM; echo runs; while :; do sleep 0.05; done";
        await using running = onFar(far, ["orders/x", "--", "sh", "-c", script]);
        await running.said("runs");
        await far.kill();
        const { code, out, err } = await running.end;
        assert.deepEqual({ code, out }, { code: 123, out: "runs\ntold\n" });
        assert.match(err, /'orders\/x' is over: .* The command is ended\./);
        await works(sidecar, "orders/x");
      },

      "kills a command that does not end within the grace": async () => {
        await using far = await start(brief);
        await using running = onFar(far, ["orders/y", "--grace", "200ms", "--", ...stubborn]);
        await running.said("runs");
        await far.kill();
        const { code, out } = await running.end;
        assert.equal(code, 123);
        assert.match(out, /^runs \d+\nheard\n$/);
      },

      "with --on-jeopardy end has ended the command before anybody else has the lock": async () => {
        await using far = await start(brief);
        const args = ["orders/z", "--on-jeopardy", "end", "--grace", "1m", "--", ...stubborn];
        await using running = onFar(far, args);
        await running.said("\n");
        const pid = /^runs (\d+)$/m.exec(running.out)?.[1] ?? "";
        assert.ok(existsSync(`/proc/${pid}`));
        const next = hold(sidecar, "orders/z", { wait: "1m" });
        const wasOver = next.then(() => !existsSync(`/proc/${pid}`));
        await queued(sidecar, "orders/z", 1);
        await far.pause();
        const { code, out, err } = await running.end;
        assert.equal(code, 123);
        assert.match(out, /\nheard\n$/);
        assert.match(err, /is in jeopardy: .* The command is ended\./);
        assert.ok(await inTime("the next holder", wasOver));
        await release(sidecar, await next);
      },

      "with --on-jeopardy continue only says so, and goes on when the sidecar is back in time":
        async () => {
          await using far = await start("6s");
          await using running = onFar(far, ["orders/j", "--", ...sleeper]);
          await running.said("runs");
          await far.pause();
          await eventually("the jeopardy", () => running.err.includes("jeopardy"));
          far.resume();
          running.signal("SIGTERM");
          const { code, err } = await running.end;
          assert.equal(code, 143);
          assert.doesNotMatch(err, /The command is ended/);
        },
    });
  });

  it("shows a person at a terminal who holds the lock, in one line that is gone in the end", async () => {
    const held = await hold(sidecar, "orders/t", { holder: "somebody" });
    const command = `exec "${process.execPath}" cli/main.ts lock orders/t -- echo mine`;
    await using terminal = new Terminal(command, { HOLDFAST_URL: url });
    await terminal.shows(
      /\[2Kwaits for orders\/t, \d+s of 1m, held by somebody \([^)]+\) for \d+s/,
    );
    await release(sidecar, held);
    assert.equal(await terminal.end, 0);
    const { shown } = terminal;
    assert.ok(shown.endsWith("\r\u{1b}[2Kmine\r\n"), JSON.stringify(shown.slice(-80)));
    assert.deepEqual(await holdersOf(sidecar, "orders/t"), []);
  });
});

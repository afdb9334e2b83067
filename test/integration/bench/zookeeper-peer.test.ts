/** The peer on ZooKeeper, on a real server: the recipe's lock, its waiting, and the session that it hangs on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, describe, it } from "mocha";
import { text, no } from "#bench/clients/jute.ts";
import type { PeerLocker } from "#bench/clients/peer.ts";
import { connectZooKeeper, makeZooKeeperLocker } from "#bench/clients/zookeeper.ts";
import { codes, operations, ZooKeeperSession } from "#bench/clients/zookeeper-session.ts";
import type { ServerProcess } from "#bench/servers/server-process.ts";
import { javaOfZooKeeper, startZooKeeper } from "#bench/servers/zookeeper.ts";
import { ToolMissing } from "#tools/fetch.ts";
import { run } from "#tools/fetch/step.ts";
import { inTime } from "#test/support/poll.ts";
import { excludesAll, pair } from "./exclusion.ts";

describe("the peer on ZooKeeper", function () {
  this.timeout(90_000);
  let folder: string | undefined;
  let server: ServerProcess;
  const sessions: ZooKeeperSession[] = [];

  before(async function () {
    try {
      await javaOfZooKeeper();
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      console.log(`\n  !! The peer of the bench on ZooKeeper is NOT tested.\n${error.message}`);
      this.skip();
    }
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-zookeeper-"));
    server = await startZooKeeper({ folder });
  });

  afterEach(async () => {
    for (const session of sessions.splice(0)) await session.close();
  });

  after(async () => {
    if (folder === undefined) return;
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const open = async (timeoutMs?: number): Promise<ZooKeeperSession> => {
    const plan = { port: server.port, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    const session = await ZooKeeperSession.open(plan);
    sessions.push(session);
    return session;
  };

  const stands = async (session: ZooKeeperSession, node: string): Promise<boolean> => {
    const code = await session.code(operations.exists, text(node) + no);
    assert.ok(code === codes.ok || code === codes.noNode, String(code));
    return code === codes.ok;
  };

  /** The last line of what ZooKeeper's own command line says. */
  const cli = async (...words: readonly string[]): Promise<string | undefined> => {
    const { program, classPath, env } = await javaOfZooKeeper();
    const main = ["-cp", classPath, "org.apache.zookeeper.ZooKeeperMain"];
    const place = ["-server", `127.0.0.1:${server.port}`];
    const output = await run({ command: program, args: [...main, ...place, ...words], env });
    return output.trimEnd().split("\n").at(-1);
  };

  interface Waiting {
    readonly granted: Promise<string>;
    /** As seen when all that the session was asked before has been answered. */
    readonly isGranted: () => Promise<boolean>;
  }

  const waiting = (locker: PeerLocker, session: ZooKeeperSession): Waiting => {
    let is = false;
    const granted = locker.take().then((node) => {
      is = true;
      return node;
    });
    return {
      granted,
      isGranted: async () => {
        await stands(session, "/");
        return is;
      },
    };
  };

  it("takes a lock by an ephemeral node in sequence, and leaves only the lock's own behind", async () => {
    const peer = await connectZooKeeper(String(server.port));
    const locker = await peer.make("plain");
    const node = await locker.take();
    assert.match(node, /^\/plain\/n-\d{10}$/);
    assert.equal(await cli("ls", "/plain"), `[${path.basename(node)}]`);
    await locker.give(node);
    await pair(locker);
    assert.equal(await cli("ls", "/plain"), "[]");
    await peer.close();
  });

  for (const where of ["of one session", "of two sessions"] as const) {
    it(`has callers ${where} wait for their turn, in their order`, async () => {
      const one = await open();
      const other = where === "of one session" ? one : await open();
      const name = where.replaceAll(" ", "-");
      const first = await makeZooKeeperLocker(one, name);
      const held = await first.take();
      const second = waiting(await makeZooKeeperLocker(other, name), other);
      assert.equal(await second.isGranted(), false);
      const third = waiting(await makeZooKeeperLocker(one, name), one);
      assert.equal(await third.isGranted(), false);
      await first.give(held);
      const next = await inTime("the second's turn", second.granted);
      assert.ok(next > held);
      assert.equal(await third.isGranted(), false);
      await first.give(next);
      await first.give(await inTime("the third's turn", third.granted));
    });
  }

  it("has one holder at a time, whoever comes", async () => {
    const both = [await open(), await open()] as const;
    const lockers = await Promise.all(
      Array.from({ length: 12 }, (_, at) => makeZooKeeperLocker(both[at % 2]!, "hot")),
    );
    await excludesAll(lockers, { pairs: 20 });
  });

  it("is not waited for where the one before goes at that moment", async () => {
    const session = await open();
    const [one, two] = [
      await makeZooKeeperLocker(session, "brief"),
      await makeZooKeeperLocker(session, "brief"),
    ];
    const held = await one.take();
    // Asked in one piece: the list still has the first, and the look at it comes when it has gone.
    const next = two.take();
    await Promise.all([one.give(held), inTime("the next one's turn", next)]);
    await two.give(await next);
  });

  it("gives a lock on when its session is closed", async () => {
    const [one, other] = [await open(), await open()];
    const held = await (await makeZooKeeperLocker(one, "closed")).take();
    const next = waiting(await makeZooKeeperLocker(other, "closed"), other);
    assert.equal(await next.isGranted(), false);
    await one.close();
    await inTime("the next one's turn", next.granted);
    assert.equal(await stands(other, held), false);
  });

  it("gives a lock on when its holder has died and the session's time is over; one that is idle keeps it", async () => {
    const timeoutMs = 6_000;
    const [idle, dying, other] = [await open(timeoutMs), await open(timeoutMs), await open()];
    const kept = await (await makeZooKeeperLocker(idle, "kept")).take();
    const held = await (await makeZooKeeperLocker(dying, "died")).take();
    // Both said their last word now. The idle one's comes first, so without pings it would be over first.
    await dying.abandon();
    const next = waiting(await makeZooKeeperLocker(other, "died"), other);
    await inTime("the session's end", next.granted);
    assert.equal(await stands(other, held), false);
    assert.equal(await stands(other, kept), true);
  });

  it("has the timeout that the server grants, which has bounds", async () => {
    assert.equal((await open(1)).timeoutMs, 4_000);
    assert.equal((await open(10_000)).timeoutMs, 10_000);
    assert.equal((await open(3_600_000)).timeoutMs, 40_000);
  });

  it("is refused a session by a server that says nothing", async () => {
    const silent = createServer((socket) => socket.resume());
    await once(silent.listen(0, "127.0.0.1"), "listening");
    const { port } = silent.address() as AddressInfo;
    const opening = ZooKeeperSession.open({ port, openWithinMs: 10 });
    await assert.rejects(opening, /^Error: ZooKeeper grants no session within 10 ms$/);
    silent.close();
  });

  it("says so where a lock is given back that is not held any more", async () => {
    const locker = await makeZooKeeperLocker(await open(), "gone");
    const held = await locker.take();
    await locker.give(held);
    await assert.rejects(locker.give(held), /^Error: ZooKeeper refuses to delete .*: code -101$/);
  });

  it("tells all who wait when the connection is lost, and who asks afterwards", async () => {
    const [one, other] = [await open(), await open()];
    await (await makeZooKeeperLocker(one, "lost")).take();
    const locker = await makeZooKeeperLocker(other, "lost");
    const next = waiting(locker, other);
    assert.equal(await next.isGranted(), false);
    // By now the answer about the one before has come, too: only its watch is left.
    assert.equal(await next.isGranted(), false);
    const told = assert.rejects(next.granted, /closed the connection/);
    await other.abandon();
    await told;
    await assert.rejects(locker.take(), /closed the connection/);
  });

  it("is refused a target that is no port, and a name that is none, by name", async () => {
    await assert.rejects(connectZooKeeper("zoo"), /^Error: 'zoo' is no port/);
    await assert.rejects(makeZooKeeperLocker(await open(), "a/b"), /^Error: 'a\/b' is no name/);
  });
});

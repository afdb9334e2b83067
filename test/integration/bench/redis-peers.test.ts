/** The peers on Redis, on real servers: what is measured beside ours is a lock, and lasts as long as it is said to. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import type { Peer } from "#bench/clients/peer.ts";
import { connectRedis } from "#bench/clients/redis.ts";
import { connectRedlock } from "#bench/clients/redlock.ts";
import { startRedis, type RedisPlan } from "#bench/servers/redis.ts";
import type { ServerProcess } from "#bench/servers/server-process.ts";
import { fetchTree } from "#tools/fetch/debian-tree.ts";
import { ToolMissing } from "#tools/fetch.ts";
import { run } from "#tools/fetch/step.ts";
import { freePorts, giveBack } from "#test/support/free-ports.ts";
import { eventually } from "#test/support/poll.ts";
import { excludesAll, pair } from "./exclusion.ts";

let folder: string;

/** What Redis' own client says. */
async function cli(port: number, ...words: readonly string[]): Promise<string> {
  const tree = await fetchTree("redis");
  const command = path.join(tree.folder, "redis-cli");
  const output = await run({ command, args: ["-p", String(port), ...words], env: tree.env });
  return output.trimEnd();
}

const start = (name: string, durability: RedisPlan["durability"]): Promise<ServerProcess> =>
  startRedis({ folder: path.join(folder, name), durability });

describe("the peers on Redis", function () {
  this.timeout(90_000);

  before(async function () {
    try {
      await fetchTree("redis");
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      console.log(`\n  !! The peers of the bench on Redis are NOT tested.\n${error.message}`);
      this.skip();
    }
    folder = await mkdtemp(path.join(tmpdir(), "holdfast-redis-"));
  });

  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  describe("a server", () => {
    it("that is durable has each lock on the disk before it answers", async () => {
      await using server = await start("durable", "always");
      const peer = await connectRedis(String(server.port));
      assert.equal(await cli(server.port, "CONFIG", "GET", "appendonly"), "appendonly\nyes");
      assert.equal(await cli(server.port, "CONFIG", "GET", "appendfsync"), "appendfsync\nalways");
      const locker = await peer.make("one");
      await locker.take();
      await peer.close();
      await server[Symbol.asyncDispose]();
      await using again = await start("durable", "always");
      assert.equal(await cli(again.port, "EXISTS", "one"), "1");
    });

    it("that is not writes nothing at all", async () => {
      await using server = await start("forgetful", "none");
      const peer = await connectRedis(String(server.port));
      assert.equal(await cli(server.port, "CONFIG", "GET", "appendonly"), "appendonly\nno");
      assert.equal(await cli(server.port, "CONFIG", "GET", "save"), "save");
      await pair(await peer.make("one"));
      await peer.close();
      assert.deepEqual(await readdir(path.join(folder, "forgetful")), ["log"]);
    });

    it("that cannot start says why", async () => {
      await mkdir(path.join(folder, "odd"));
      await writeFile(path.join(folder, "odd/appendonlydir"), "not a folder");
      await assert.rejects(
        start("odd", "always"),
        /^Error: Redis does not start: it ended with 1\n[^]*append-?only/i,
      );
    });
  });

  for (const [name, count, connect] of [
    ["one Redis", 1, connectRedis],
    ["Redlock", 3, connectRedlock],
  ] as const) {
    describe(`a lock in ${name}`, () => {
      let servers: readonly ServerProcess[];
      let peers: readonly Peer[];

      beforeEach(async () => {
        const numbers = Array.from({ length: count }, (_, at) => `${name}-${at}`);
        servers = await Promise.all(numbers.map((each) => start(each, "none")));
        const target = servers.map(({ port }) => port).join();
        peers = await Promise.all([connect(target), connect(target)]);
      });

      afterEach(async () => {
        for (const peer of peers) await peer.close();
        for (const server of servers) await server[Symbol.asyncDispose]();
      });

      const keys = (): Promise<string[]> =>
        Promise.all(servers.map(({ port }) => cli(port, "KEYS", "*")));

      it("is refused to others, on this connection and another, until it is given back", async () => {
        const [one, two, three] = [
          await peers[0]!.make("hot"),
          await peers[0]!.make("hot"),
          await peers[1]!.make("hot"),
        ];
        const held = await one.take();
        for (const other of [two, three])
          await assert.rejects(other.take(), /^Error: hot is held by another: \w+ has no waiting/);
        await one.give(held);
        await three.give(await three.take());
        await pair(two);
      });

      it("has one holder at a time, whoever tries", async () => {
        const lockers = await Promise.all(
          Array.from({ length: 12 }, (_, at) => peers[at % 2]!.make("hot")),
        );
        await excludesAll(lockers, { pairs: 20, refusal: /is held by another/ });
      });

      it("is not given back by who does not hold it", async () => {
        const [one, two] = [await peers[0]!.make("hot"), await peers[1]!.make("hot")];
        const held = await one.take();
        await assert.rejects(two.give("another"), /^Error: hot was not held any more \(:0\)/);
        await assert.rejects(two.take(), /held by another/);
        await one.give(held);
        await assert.rejects(one.give(held), /not held any more/);
      });

      it("goes by itself after 30 s", async () => {
        const locker = await peers[0]!.make("hot");
        await locker.take();
        const left = await Promise.all(servers.map(({ port }) => cli(port, "PTTL", "hot")));
        for (const leftMs of left.map(Number)) assert.ok(leftMs > 0 && leftMs <= 30_000);
      });

      it("leaves nothing behind", async () => {
        const lockers = await Promise.all(["a", "b", "c"].map((each) => peers[0]!.make(each)));
        await Promise.all(lockers.map((locker) => pair(locker)));
        // A majority's word is enough: the last server may be behind.
        await eventually("all keys to be gone", async () =>
          (await keys()).every((each) => each === ""),
        );
      });

      it("is refused at once when its servers are gone", async () => {
        const locker = await peers[0]!.make("hot");
        const held = await locker.take();
        for (const server of servers) await server[Symbol.asyncDispose]();
        const lost = /closed the connection|ECONNRESET/;
        await assert.rejects(locker.give(held), lost);
        await assert.rejects(locker.take(), lost);
      });
    });
  }

  describe("Redlock", () => {
    let servers: readonly ServerProcess[];
    let peer: Peer;
    const foreign = ["SET", "hot", "foreign"] as const;

    beforeEach(async () => {
      servers = await Promise.all(["a", "b", "c"].map((each) => start(each, "none")));
      peer = await connectRedlock(servers.map(({ port }) => port).join());
    });

    afterEach(async () => {
      await peer.close();
      for (const server of servers) await server[Symbol.asyncDispose]();
    });

    it("needs two of three, and leaves alone what another has", async () => {
      await cli(servers[1]!.port, ...foreign);
      await pair(await peer.make("hot"));
      assert.equal(await cli(servers[1]!.port, "GET", "hot"), "foreign");
      await servers[0]![Symbol.asyncDispose]();
      await assert.rejects((await peer.make("hot")).take(), /held by another/);
    });

    it("gives back the one that it got where it lacks the majority", async () => {
      for (const server of servers.slice(0, 2)) await cli(server.port, ...foreign);
      await assert.rejects((await peer.make("hot")).take(), /held by another.*\(\$-1\)/);
      await eventually("the third to be free", async () => {
        return (await cli(servers[2]!.port, "EXISTS", "hot")) === "0";
      });
    });

    it("connects to all of its servers or to none", async () => {
      const [shut = 0] = await freePorts(1);
      const { port } = servers[0]!;
      await assert.rejects(connectRedlock(`${port},${shut}`), /ECONNREFUSED/);
      giveBack([shut]);
      const clients = [peer, "redis-cli"];
      await eventually("its other clients to be alone", async () => {
        return (await cli(port, "CLIENT", "LIST")).match(/^id=/gm)?.length === clients.length;
      });
    });

    it("goes on with two of three servers", async () => {
      await servers[2]![Symbol.asyncDispose]();
      const locker = await peer.make("hot");
      await pair(locker);
      await pair(locker);
    });
  });

  it("are refused a target that is no port, and a name that is none, by name", async () => {
    await assert.rejects(
      connectRedlock("6379,redis"),
      /^Error: 'redis' is no port: give the server's, from 1 to 65535$/,
    );
    await using server = await start("named", "none");
    const peer = await connectRedis(String(server.port));
    await assert.rejects(peer.make("a b"), /^Error: 'a b' is no name of a lock here/);
    await peer.close();
  });
});

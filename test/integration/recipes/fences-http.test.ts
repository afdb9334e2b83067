/** The recipe in examples/fences/http, in a service on plain node:http and in one on express. */
import assert from "node:assert/strict";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { after, before, describe, it } from "mocha";
import { FenceGate, SeenInMemory } from "#examples/fences/http/fence-gate.ts";
import { fenced as fencedByExpress } from "#examples/fences/http/with-express.ts";
import { fenced as fencedByNode } from "#examples/fences/http/with-node.ts";

/** What the service stores, and a write that is slow on demand. */
class Orders {
  readonly log: string[] = [];
  /** The next write waits for it. */
  slow: Promise<void> | undefined;

  async write(id: string, text: string): Promise<void> {
    this.log.push(`${id} begins ${text}`);
    const { slow } = this;
    this.slow = undefined;
    await slow;
    this.log.push(`${id} has ${text}`);
  }
}

function withNode(orders: Orders, gate: FenceGate): Server {
  return createServer((asked, response) => {
    const { pathname, searchParams } = new URL(asked.url ?? "", "http://service");
    const id = pathname.slice("/orders/".length);
    const write = async (): Promise<void> => {
      await orders.write(id, searchParams.get("text") ?? "");
      response.writeHead(204).end();
    };
    void fencedByNode(gate, `orders/${id}`, { request: asked, response, write });
  });
}

function withExpress(orders: Orders, gate: FenceGate): Server {
  const app = express();
  app.put(
    "/orders/:id",
    fencedByExpress(gate, ({ id = "" }) => `orders/${id}`),
    async (request, response) => {
      await orders.write(
        request.params["id"] ?? "",
        new URL(request.url, "http://service").searchParams.get("text") ?? "",
      );
      response.status(204).end();
    },
  );
  return createServer(app);
}

for (const [name, service] of Object.entries({ "node:http": withNode, express: withExpress })) {
  describe(`fences in a service on ${name}`, () => {
    const orders = new Orders();
    let server: Server;
    let url: string;

    before(async () => {
      server = service(orders, new FenceGate(new SeenInMemory()));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    });

    after(() => new Promise((resolve) => server.close(resolve)));

    interface Answer {
      readonly status: number | undefined;
      readonly detail: string | undefined;
    }

    /** On a connection of its own. */
    const put = (
      [id, text]: readonly [id: string, text: string],
      fence?: string,
      signal?: AbortSignal,
    ) =>
      new Promise<Answer>((resolve, reject) => {
        const headers = fence === undefined ? {} : { "Holdfast-Fence": fence };
        const options = { method: "PUT", agent: false, headers, ...(signal && { signal }) };
        const sent = request(`${url}/orders/${id}?text=${text}`, options, (response) => {
          let body = "";
          response.setEncoding("utf8").on("data", (part: string) => (body += part));
          response.on("end", () => {
            const { detail } = JSON.parse(body || "{}") as { detail?: string };
            resolve({ status: response.statusCode, detail });
          });
        });
        sent.on("error", reject).end();
      });
    /** Two that a JavaScript number cannot tell apart. */
    const [lower, higher] = ["1176953443972153344", "1176953443972153345"] as const;

    it("lets the same fence write again, a higher one instead, and refuses a lower one", async () => {
      for (const [fence, status] of [
        [lower, 204],
        [lower, 204],
        [higher, 204],
        [lower, 409],
        [higher, 204],
      ] as const)
        assert.equal((await put(["1", "x"], fence)).status, status);
      assert.match((await put(["1", "x"], lower)).detail ?? "", /newer holder .* orders\/1\. Stop/);
      assert.equal((await put(["2", "x"], lower)).status, 204, "another thing is another lock's");
    });

    it("refuses a write without a fence, or with what is none", async () => {
      assert.deepEqual(await put(["3", "x"]), {
        status: 428,
        detail: "Send the fence of the lock in the header holdfast-fence.",
      });
      for (const fence of ["-1", "1e9", "1 2", "1, 2", "0x10", "9".repeat(20)])
        assert.equal((await put(["3", "x"], fence)).status, 400, fence);
      assert.ok(!orders.log.some((line) => line.startsWith("3 ")));
    });

    it("lets nobody write while another does, so that a slow write of before cannot come late", async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      orders.slow = promise;
      const slow = put(["4", "old"], lower);
      while (!orders.log.includes("4 begins old")) await new Promise((next) => setImmediate(next));
      const fast = put(["4", "new"], higher);
      const late = put(["4", "late"], lower);
      // Another thing is not kept waiting.
      assert.equal((await put(["5", "x"], lower)).status, 204);
      resolve();
      assert.deepEqual([(await slow).status, (await fast).status], [204, 204]);
      const of4 = orders.log.filter((line) => line.startsWith("4 "));
      assert.equal(of4.indexOf("4 begins new"), of4.indexOf("4 has old") + 1);
      // Before the newer one it may have been let in; after it, not.
      const { status } = await late;
      assert.equal(status === 204, of4.includes("4 has late"));
      assert.equal((await put(["4", "later"], lower)).status, 409);
    });

    it("goes on after a writer that went away", async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      orders.slow = promise;
      const leaving = new AbortController();
      const left = put(["6", "left"], lower, leaving.signal);
      while (!orders.log.includes("6 begins left")) await new Promise((next) => setImmediate(next));
      leaving.abort();
      await assert.rejects(left);
      resolve();
      assert.equal((await put(["6", "next"], higher)).status, 204);
    });
  });
}

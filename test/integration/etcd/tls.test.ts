import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFile, readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:tls";
import { EtcdServer } from "#test/support/etcd-server.ts";
import { Certificates } from "./certificates.ts";
import { clientOf, fastRuntime, loggedRuntime, putOf, said, within } from "./client-of.ts";

describe("an etcd that speaks TLS", () => {
  it("lets in whom its authority vouches for, and reads rotated files for the next connection", async () => {
    await using certificates = await Certificates.start();
    await certificates.authority("ours");
    await certificates.authority("theirs");
    const server = await certificates.issue("server", { by: "ours" });
    const clientCa = certificates.path("ours.crt");
    await using etcd = await EtcdServer.start({ noFsync: true, tls: { ...server, clientCa } });
    const files = { ca: clientCa, ...(await certificates.issue("client", { by: "theirs" })) };
    const runtime = fastRuntime();
    await using client = await clientOf(etcd.endpoint, { runtime, tls: files });
    // Signed by somebody whom etcd does not know.
    assert.equal(said(await client.sendTxn(putOf("/k"))), "refused notSent");
    const good = await certificates.issue("good", { by: "ours" });
    await copyFile(good.key, files.key);
    await copyFile(good.cert, files.cert);
    assert.equal(await client.connected(within(runtime, 60_000)), true);
    assert.equal(said(await client.sendTxn(putOf("/k"))), "done");
    // Who stands is not disturbed by files that are half-way.
    await copyFile(certificates.path("theirs.key"), files.key);
    assert.equal(said(await client.sendTxn(putOf("/k"))), "done");
    await etcd.restart();
    assert.equal(said(await client.sendTxn(putOf("/k"))), "refused notSent");
    await copyFile(good.key, files.key);
    assert.equal(await client.connected(within(runtime, 60_000)), true);
  });

  it("is not used, with the reason, where it does not speak HTTP/2", async () => {
    await using certificates = await Certificates.start();
    await certificates.authority("ours");
    const { cert, key } = await certificates.issue("server", { by: "ours" });
    const files = { cert: await readFile(cert), key: await readFile(key) };
    for (const protocols of [{ ALPNProtocols: ["http/1.1"] }, {}]) {
      const server = createServer({ ...files, ...protocols });
      server.on("tlsClientError", (_error, socket) => socket.destroy());
      server.on("secureConnection", (socket) => socket.on("error", () => socket.destroy()));
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const ca = certificates.path("ours.crt");
      await using client = await clientOf(endpoint, { runtime: fastRuntime(), tls: { ca } });
      assert.equal(said(await client.sendTxn(putOf("/k"))), "refused notSent");
      assert.match(client.status().lastError ?? "", /ALPN|no application protocol/i);
      await client.close();
      server.close();
      await once(server, "close");
    }
  });

  it("is not believed where its certificate is signed by somebody else, or its files are missing", async () => {
    await using certificates = await Certificates.start();
    await certificates.authority("ours");
    await certificates.authority("theirs");
    const server = await certificates.issue("server", { by: "ours" });
    await using etcd = await EtcdServer.start({ noFsync: true, tls: server });
    const cases = [
      [certificates.path("theirs.crt"), /certificate|unable to verify/],
      [certificates.path("missing.crt"), /ENOENT.*missing\.crt/],
    ] as const;
    for (const [ca, why] of cases) {
      const runtime = loggedRuntime();
      await using client = await clientOf(etcd.endpoint, { runtime, tls: { ca } });
      assert.equal(said(await client.sendTxn(putOf("/k"))), "refused notSent");
      assert.match(client.status().lastError ?? "", why);
    }
  });
});

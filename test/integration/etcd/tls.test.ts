import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
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

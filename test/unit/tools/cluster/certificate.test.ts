import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { authority, issue, keyPem } from "#tools/cluster/pki/certificate.ts";

describe("certificates of the test cluster", () => {
  const ca = authority("some-ca");

  it("name the user and the group, as Kubernetes reads them", () => {
    const { certificate } = issue(ca, { name: "system:node:one", group: "system:nodes" }, "client");
    assert.equal(new X509Certificate(certificate).subject, "O=system:nodes\nCN=system:node:one");
  });

  it("are signed by their authority, and by no other", () => {
    const leaf = new X509Certificate(issue(ca, { name: "one" }, "client").certificate);
    const signer = new X509Certificate(ca.certificate);
    assert.ok(leaf.checkIssued(signer));
    assert.ok(leaf.verify(signer.publicKey));
    assert.equal(
      leaf.verify(new X509Certificate(authority("some-ca").certificate).publicKey),
      false,
    );
    assert.equal(leaf.ca, false);
    assert.equal(signer.ca, true);
  });

  it("of a server name all its hosts", () => {
    const hosts = ["kubernetes.default.svc", "127.0.0.1", "10.96.0.1"];
    const leaf = new X509Certificate(issue(ca, { name: "api" }, hosts).certificate);
    assert.equal(
      leaf.subjectAltName,
      "DNS:kubernetes.default.svc, IP Address:127.0.0.1, IP Address:10.96.0.1",
    );
    assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  });

  it("have a positive serial number each of their own", () => {
    const serials = Array.from(
      { length: 32 },
      () => new X509Certificate(issue(ca, { name: "one" }, "client").certificate).serialNumber,
    );
    assert.equal(new Set(serials).size, serials.length);
    for (const serial of serials) assert.doesNotMatch(serial, /^-/);
  });

  it("belong to the key that is written beside them", () => {
    const { certificate, key } = issue(ca, { name: "one" }, "client");
    assert.ok(new X509Certificate(certificate).checkPrivateKey(createPrivateKey(keyPem(key))));
  });

  it("are taken by both ends of a TLS connection", async () => {
    const server = issue(ca, { name: "server" }, ["127.0.0.1"]);
    const client = issue(ca, { name: "client", group: "people" }, "client");
    const listener = tls.createServer({
      ...{ cert: server.certificate, key: keyPem(server.key), ca: ca.certificate },
      ...{ requestCert: true, rejectUnauthorized: true },
    });
    listener.on("secureConnection", (socket) => {
      socket.end(String(socket.getPeerCertificate().subject.CN));
    });
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const socket = tls.connect({
      ...{ host: "127.0.0.1", port, ca: ca.certificate },
      ...{ cert: client.certificate, key: keyPem(client.key) },
    });
    const [greeting] = (await once(socket.setEncoding("utf8"), "data")) as [string];
    assert.equal(greeting, "client");
    socket.destroy();
    listener.close();
    await once(listener, "close");
  });
});

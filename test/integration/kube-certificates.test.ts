/** A kubeconfig whose files are replaced while the process runs, against a server that asks for certificates. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { Cluster, configOfFile } from "#operator/kube/cluster.ts";
import { Transport } from "#operator/kube/transport.ts";
import { Scrape, never } from "#test/support/kube/stage.ts";
import { SteppedRuntime } from "#test/support/kube/stepped-runtime.ts";
import { eventually } from "#test/support/poll.ts";
import { Certificates } from "./etcd/certificates.ts";

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

function closed(server: Server): Promise<unknown> {
  const end = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  return end;
}

const configText = (port: number, certificates: Certificates): string =>
  JSON.stringify({
    "current-context": "one",
    contexts: [{ name: "one", context: { cluster: "c", user: "u" } }],
    clusters: [
      {
        name: "c",
        cluster: {
          server: `https://127.0.0.1:${port}/`,
          "certificate-authority": certificates.path("servers.crt"),
        },
      },
    ],
    users: [
      {
        name: "u",
        user: {
          "client-certificate": certificates.path("operator.crt"),
          "client-key": certificates.path("operator.key"),
        },
      },
    ],
  });

/** Answers with the serial number of the certificate that its client showed. */
async function serve(certificates: Certificates): Promise<Server> {
  const [ca, cert, key] = await Promise.all(
    ["clients.crt", "server.crt", "server.key"].map((name) => readFile(certificates.path(name))),
  );
  return createServer(
    { ca, cert, key, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      const { socket } = request;
      assert.ok(socket instanceof TLSSocket);
      const { serialNumber } = socket.getPeerCertificate();
      response.end(JSON.stringify({ serialNumber, port: request.socket.remotePort }));
    },
  );
}

describe("a kubeconfig with certificates", () => {
  it("is read again when its files change, and not while they are being replaced", async () => {
    await using certificates = await Certificates.start();
    for (const name of ["servers", "clients", "strangers"]) await certificates.authority(name);
    await certificates.issue("server", { by: "servers" });
    await certificates.issue("operator", { by: "clients" });
    const server = await serve(certificates);
    const port = await listening(server);
    const config = certificates.path("config");
    await writeFile(config, configText(port, certificates));
    const runtime = new SteppedRuntime();
    const cluster = new Cluster(configOfFile(config, "one"), runtime);
    const api = new Transport({ cluster, runtime, metrics: new Scrape().kube });
    const ports = new Set<number>();
    const ask = async (): Promise<string> => {
      const outcome = await api.request({ method: "GET", path: "/" }, never);
      assert.ok(outcome.kind === "done", JSON.stringify(outcome));
      const { serialNumber, port: from } = outcome.value as { serialNumber: string; port: number };
      ports.add(from);
      return serialNumber;
    };
    try {
      const first = await ask();
      assert.equal(await ask(), first);
      for (let i = 0; i < 6; i++) {
        runtime.pass(10_000);
        assert.equal(await ask(), first);
      }
      assert.ok(ports.size <= 2, "the files are the same: the connections, too");
      const oldKey = await readFile(certificates.path("operator.key"));
      const { key } = await certificates.issue("operator", { by: "clients" });
      const newKey = await readFile(key);
      await writeFile(key, oldKey);
      runtime.pass(10_000);
      assert.equal(await ask(), first, "the certificate is new, its key is not there yet");
      await writeFile(key, newKey);
      runtime.pass(10_000);
      assert.notEqual(await ask(), first);
      const open = promisify(server.getConnections.bind(server));
      await eventually("the old connections to end", async () => (await open()) === 1);
      await writeFile(
        certificates.path("servers.crt"),
        await readFile(certificates.path("strangers.crt")),
      );
      runtime.pass(10_000);
      const outcome = await api.request({ method: "POST", path: "/", body: {} }, never);
      assert.ok(outcome.kind === "refused" && outcome.refusal.reason === "notSent");
    } finally {
      await api.close();
      await closed(server);
    }
  });
});

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { after, before, describe, it } from "mocha";
import { check } from "../support/contract.ts";
import { freePorts, giveBack } from "../support/free-ports.ts";
import { HttpClient } from "../support/http-client.ts";
import { eventually, inTime } from "../support/poll.ts";

/** A process with all that it wrote. */
class Running implements AsyncDisposable {
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcess;
  #text = "";
  #over = false;

  constructor(program: string, args: readonly string[], options: { cwd: string; env: object }) {
    this.#child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (text: string) => (this.#text += text);
    this.#child.stdout?.setEncoding("utf8").on("data", keep);
    this.#child.stderr?.setEncoding("utf8").on("data", keep);
    this.ended = new Promise((resolve) => {
      this.#child.once("close", (code) => {
        this.#over = true;
        resolve(code);
      });
    });
  }

  get text(): string {
    return this.#text;
  }

  async wrote(wanted: string): Promise<void> {
    await eventually(`'${wanted}' in its output`, () => {
      if (this.#over && !this.#text.includes(wanted))
        throw new Error(`It ended without it:\n${this.#text}`);
      return this.#text.includes(wanted);
    });
  }

  end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return inTime("its end", this.ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) await this.end("SIGTERM");
  }
}

describe("make run", function () {
  this.timeout(60_000);
  /** A checkout of its own, as far as what is written goes: all else are links. */
  let checkout: string;
  let ports: number[];
  let env: Record<string, string>;
  let api: HttpClient;

  before(async () => {
    checkout = await mkdtemp(path.join(tmpdir(), "holdfast-run-"));
    const written = [".cache", ".git", "dist"];
    for (const name of await readdir("."))
      if (!written.includes(name)) await symlink(path.resolve(name), path.join(checkout, name));
    ports = await freePorts(4);
    const [http = 0, health, client, peer] = ports;
    env = {
      HTTP_PORT: String(http),
      HEALTH_PORT: String(health),
      ETCD_CLIENT_PORT: String(client),
      ETCD_PEER_PORT: String(peer),
    };
    api = new HttpClient(`127.0.0.1:${http}`, check);
  });

  after(async () => {
    giveBack(ports);
    await rm(checkout, { recursive: true });
  });

  const run = () => new Running(process.execPath, ["tools/run.ts"], { cwd: checkout, env });
  const ready = "Holdfast is ready";
  const generations = async () => {
    const { body } = await api.get("/v1/resources");
    const resources = body["resources"] as { name: string; generation: number }[];
    return resources.map(({ name, generation }) => `${name} ${generation}`);
  };
  const isListening = async (port: number) => {
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => {
        resolve(false);
      });
      server.listen({ port, host: "127.0.0.1" }, () => {
        server.close(() => {
          resolve(true);
        });
      });
    });
    return !free;
  };

  it("starts etcd and a sidecar with the examples, prints what to try, and what it prints works", async () => {
    await using running = run();
    await running.wrote(ready);
    const commands = [...running.text.matchAll(/curl (?:-X (\w+) )?'?(localhost:\d+)([^\s']+)/g)];
    const asked = commands.map(([, method = "GET", , target]) => `${method} ${target ?? ""}`);
    assert.ok(asked.includes("POST /v1/locks/orders/42/acquire?wait=5s&ttl=1m"), asked.join("\n"));
    let grantId = "";
    for (const command of asked) {
      const [method = "", target = ""] = command.split(" ");
      const answer = await api.call(method, target.replace("GRANT_ID", grantId));
      assert.ok([200, 204].includes(answer.status), `${command}: ${answer.text}`);
      if (target.includes("acquire")) grantId = String(answer.body["grantId"]);
    }
    assert.deepEqual(await generations(), ["accounts 1", "jobs 1", "leaders 1", "orders 1"]);
    assert.equal(await running.end("SIGINT"), 0);
    assert.match(running.text, /Both have ended/);
    for (const port of ports) assert.equal(await isListening(port), false);
  });

  it("finds its data again the next time, and a second sidecar started as printed shares its locks", async () => {
    let fence: string;
    {
      await using running = run();
      await running.wrote(ready);
      assert.deepEqual(await generations(), ["accounts 1", "jobs 1", "leaders 1", "orders 1"]);
      const { body } = await api.post("/v1/locks/orders/42/acquire?ttl=1m");
      fence = String(body["fence"]);
      // What is held when a sidecar ends is held until its lease ends.
      await api.delete(`/v1/grants/${String(body["grantId"])}`);
      assert.equal(await running.end("SIGINT"), 0);
    }
    await using running = run();
    await running.wrote(ready);
    assert.deepEqual(await generations(), ["accounts 1", "jobs 1", "leaders 1", "orders 1"]);
    const grant = await api.post("/v1/locks/orders/42/acquire?wait=20s&ttl=1m&holder=first");
    assert.ok(BigInt(String(grant.body["fence"])) > BigInt(fence));

    const lines = running.text.split("\n");
    const from = lines.findIndex((line) => line.includes("HOLDFAST_POD=second"));
    const to = lines.findIndex((line, at) => at > from && line.includes("sidecar/main.ts"));
    const command = lines.slice(from, to + 1).join("\n");
    await using second = new Running(
      "sh",
      ["-c", command.replace("node_modules", "exec node_modules")],
      {
        cwd: checkout,
        env: { HOLDFAST_LOG_FORMAT: "json" },
      },
    );
    await second.wrote('"ready"');
    const address = /HOLDFAST_HTTP_ADDRESS=localhost:(\d+)/.exec(command)?.[1] ?? "";
    const refused = await new HttpClient(`127.0.0.1:${address}`, check).post(
      "/v1/locks/orders/42/acquire",
    );
    assert.equal(refused.status, 423);
    assert.equal(refused.body["holder"], "first");
  });

  it("names a port that is taken, the variable that changes it, and a command that works", async () => {
    const [http = 0] = ports;
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen({ port: http, host: "127.0.0.1" }, resolve);
    });
    try {
      await using running = run();
      assert.equal(await inTime("its end", running.ended), 1);
      assert.match(
        running.text,
        new RegExp(`Port ${http} \\(the sidecar's HTTP API\\) is taken; HTTP_PORT changes it`),
      );
      assert.match(running.text, /make run HTTP_PORT=\d+/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it("is ended by a process that ends by itself, and says which and why", async () => {
    await using running = run();
    await running.wrote(ready);
    const listening = /"message":"listening".*"pid":(\d+)/.exec(running.text)?.[1];
    process.kill(Number(listening), "SIGKILL");
    assert.equal(await inTime("its end", running.ended), 1);
    assert.match(running.text, /The sidecar was ended by SIGKILL/);
    for (const port of ports) assert.equal(await isListening(port), false);
  });
});

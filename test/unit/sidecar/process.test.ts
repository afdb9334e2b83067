/** The process with no etcd behind it: what it says, and how it ends. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { describe, it } from "mocha";

type Line = Readonly<Record<string, unknown>>;

function sidecar(env: Record<string, string>, args: string[] = []) {
  const child = spawn(process.execPath, ["sidecar/main.ts", ...args], {
    env: {
      ...process.env,
      // A port on which nobody answers.
      HOLDFAST_ETCD_ENDPOINTS: "http://127.0.0.1:9",
      HOLDFAST_HTTP_ADDRESS: "localhost:0",
      HOLDFAST_HEALTH_ADDRESS: "127.0.0.1:0",
      HOLDFAST_LOG_FORMAT: "json",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: Line[] = [];
  let errors = "";
  const changed = new EventTarget();
  const reader = createInterface(child.stdout);
  reader.on("line", (line) => {
    lines.push(line.startsWith("{") ? (JSON.parse(line) as Line) : { text: line });
    changed.dispatchEvent(new Event("line"));
  });
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const closed = once(child, "close") as Promise<[number | null]>;
  return {
    child,
    lines,
    errors: () => errors,
    exit: async () => (await closed)[0],
    line: async (message: string): Promise<Line> => {
      for (;;) {
        const found = lines.find((line) => line["message"] === message);
        if (found !== undefined) return found;
        await once(changed, "line");
      }
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

describe("the sidecar's process", () => {
  it("says where it listens, is alive but not started without etcd, and ends with 0 on SIGTERM", async () => {
    await using process = sidecar({});
    const listening = await process.line("listening");
    const [health] = listening["health"] as string[];
    const [http] = listening["http"] as string[];
    const startup = await fetch(`http://${health ?? ""}/startupz`);
    assert.equal(startup.status, 503);
    assert.match(await startup.text(), /\[-\] session: /);
    assert.equal((await fetch(`http://${health ?? ""}/livez`)).status, 200);
    assert.equal((await fetch(`http://${health ?? ""}/readyz`)).status, 503);
    const acquire = await fetch(`http://${http ?? ""}/v1/locks/orders/42/acquire`, {
      method: "POST",
    });
    assert.equal(acquire.status, 503);
    const session = (await (await fetch(`http://${http ?? ""}/v1/session`)).json()) as Line;
    assert.equal((session["etcd"] as Line)["reachable"], false);
    const metrics = await (await fetch(`http://${health ?? ""}/metrics`)).text();
    assert.match(metrics, /holdfast_session_state\{state="connecting"\} 1/);
    assert.match(metrics, /holdfast_http_requests_total\{operation="acquireLock",status="503"\} 1/);
    const contract = (await (await fetch(`http://${http ?? ""}/openapi.json`)).json()) as Line;
    assert.match(String(contract["openapi"]), /^3\.1/);
    process.child.kill("SIGTERM");
    assert.equal(await process.exit(), 0);
  });

  it("names a wrong option and ends at once with 2", async () => {
    await using process = sidecar({ HOLDFAST_SESSION_TTL: "1s" }, ["--htp-address=off"]);
    assert.equal(await process.exit(), 2);
    assert.match(process.errors(), /HOLDFAST_SESSION_TTL: '1s' is less than 3s/);
    assert.match(process.errors(), /--htp-address: no such option; did you mean --http-address\?/);
    assert.equal(process.lines.length, 0);
  });

  it("lists its options with --help", async () => {
    await using process = sidecar({}, ["--help"]);
    assert.equal(await process.exit(), 0);
    const text = process.lines.map((line) => line["text"]).join("\n");
    assert.match(text, /--etcd-endpoints <urls>/);
    assert.match(text, /HOLDFAST_SESSION_TTL; default: 10s/);
  });

  it("names a taken port with the option that changes it, and ends with 1", async () => {
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const bound = other.address();
    assert.ok(bound !== null && typeof bound === "object");
    await using process = sidecar({ HOLDFAST_HTTP_ADDRESS: `localhost:${String(bound.port)}` });
    assert.equal(await process.exit(), 1);
    assert.ok(
      process.lines.some(({ message }) =>
        /is taken by another process\. .*HOLDFAST_HTTP_ADDRESS/.test(String(message)),
      ),
    );
    other.close();
  });

  it("warns of a variable that looks like an option and is none", async () => {
    await using process = sidecar({ HOLDFAST_RESOURCE: "x" });
    await process.line(
      "HOLDFAST_RESOURCE is no option of this process; did you mean HOLDFAST_RESOURCES?",
    );
  });
});

import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { describe, it } from "mocha";
import { makeLog, type LogFormat, type LogLevel } from "#host/log.ts";

function logging(level: LogLevel, format: LogFormat) {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  return { log: makeLog({ level, format, stream }), lines };
}

describe("the log", () => {
  it("writes one JSON object a line, with the fields beside time, level and message", () => {
    const { log, lines } = logging("info", "json");
    log.info("ready", { addresses: ["127.0.0.1:1"], revision: 7n, message: "hides nothing" });
    assert.equal(lines.length, 1);
    const line = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
    assert.equal(line["level"], "info");
    assert.equal(line["message"], "ready");
    assert.equal(line["message_"], "hides nothing");
    assert.deepEqual(line["addresses"], ["127.0.0.1:1"]);
    assert.equal(line["revision"], "7");
    assert.match(String(line["time"]), /^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it("tells an error with its stack and its cause", () => {
    const { log, lines } = logging("info", "json");
    log.error("failed", { error: new Error("outer", { cause: new TypeError("inner") }) });
    const line = JSON.parse(lines[0] ?? "") as {
      error: { message: string; stack: string; cause: { name: string } };
    };
    assert.equal(line.error.message, "outer");
    assert.match(line.error.stack, /log\.test\.ts/);
    assert.equal(line.error.cause.name, "TypeError");
  });

  it("leaves out what is below its level", () => {
    const { log, lines } = logging("warn", "json");
    log.info("no");
    log.debug("no");
    log.warn("yes");
    log.error("yes");
    assert.equal(lines.length, 2);
  });

  it("survives a field that cannot be written", () => {
    const { log, lines } = logging("info", "json");
    const round: Record<string, unknown> = {};
    round["self"] = round;
    log.info("odd", { round });
    log.info("next");
    assert.equal(lines.length, 2);
    assert.match(lines[0] ?? "", /unloggable/);
  });

  it("lets nobody forge a line or steer a terminal in text", () => {
    const { log, lines } = logging("info", "text");
    log.info("lock 'a\nb\x1b[2J'", { name: "c\nd" });
    assert.equal((lines[0] ?? "").trimEnd().split("\n").length, 1);
    assert.ok(!(lines[0] ?? "").includes("\x1b[2J"));
  });
});

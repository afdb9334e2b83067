import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Unreadable } from "#client/http/answer-reader.ts";
import { EventReader, type ServerEvent } from "#client/http/event-reader.ts";

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`;
const said = 'event: holder\ndata: {"n":"ü"}\n\n:\n\nevent: vacant\ndata: {}\n\n';

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

/** All events, where the bytes come so many at a time. */
function read(text: string, atATime: number): { events: ServerEvent[]; isOver: boolean } {
  const reader = new EventReader();
  const bytes = Buffer.from(text);
  const events: ServerEvent[] = [];
  let isOver = false;
  for (let at = 0; at < bytes.length; at += atATime) {
    const told = reader.push(bytes.subarray(at, at + atATime));
    assert.notEqual(told?.kind, "answer");
    if (told?.kind !== "events") continue;
    events.push(...told.events);
    ({ isOver } = told);
  }
  return { events, isOver };
}

describe("a reader of events", () => {
  const wanted = [
    { event: "holder", data: { n: "ü" } },
    { event: "vacant", data: {} },
  ];

  it("gives the same however the bytes come, in chunks or not", () => {
    for (const atATime of [1, 2, 3, 7, 1_000]) {
      const parts = chunked + Array.from(said, chunk).join("") + "0\r\n\r\n";
      assert.deepEqual(read(parts, atATime), { events: wanted, isOver: true });
      assert.deepEqual(read(`${chunked}${chunk(said)}`, atATime), {
        events: wanted,
        isOver: false,
      });
      assert.deepEqual(read(`${head}\r\n${said}`, atATime), { events: wanted, isOver: false });
    }
  });

  it("gives an answer where it is no stream", () => {
    const body = '{"code":"pool_not_found"}';
    const text = `HTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    for (const atATime of [1, 10, 1_000]) {
      const reader = new EventReader();
      const bytes = Buffer.from(text);
      let last: ReturnType<EventReader["push"]>;
      for (let at = 0; at < bytes.length; at += atATime)
        last = reader.push(bytes.subarray(at, at + atATime));
      assert.ok(last?.kind === "answer");
      assert.deepEqual([last.answer.status, last.answer.text], [404, body]);
    }
  });

  it("takes nothing else for events", () => {
    for (const wrong of ["event: a\ndata: {\n\n", "data: {}\n\n", "event: a\ndata: 1\n\n"])
      assert.throws(() => read(chunked + chunk(wrong), 1_000), Unreadable);
    assert.throws(() => read(`${chunked}x\r\n`, 1_000), /no size/);
    assert.throws(() => read(chunked + "1".repeat(2_000), 1_000), /too long/);
    assert.throws(() => read("x".repeat(20_000), 1_000), /head is too large/);
  });
});

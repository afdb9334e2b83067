import assert from "node:assert/strict";
import fc from "fast-check";
import { Deframer, FramingError, frame } from "#etcd/http2/message.ts";

describe("gRPC framing", () => {
  it("gives back the messages that were framed, however the bytes are split into chunks", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
    const cuts = fc.array(fc.nat(3_000), { maxLength: 12 });
    fc.assert(
      fc.property(messages, cuts, (sent, cutAt) => {
        const deframer = new Deframer();
        const received = split(join(sent.map(frame)), cutAt).flatMap((c) => deframer.push(c));
        assert.deepEqual(received.map(plain), sent.map(plain));
        assert.equal(deframer.unfinished, false);
      }),
    );
  });

  it("knows that a message has begun and not ended", () => {
    const deframer = new Deframer();
    assert.deepEqual(deframer.push(frame(new Uint8Array(10)).subarray(0, 14)), []);
    assert.equal(deframer.unfinished, true);
  });

  it("refuses a message above the bound as soon as its length is there", () => {
    const deframer = new Deframer(100);
    assert.throws(() => deframer.push(frame(new Uint8Array(101)).subarray(0, 5)), FramingError);
  });

  it("refuses a compressed message", () => {
    const compressed = frame(new Uint8Array(3));
    compressed[0] = 1;
    assert.throws(() => new Deframer().push(compressed), FramingError);
  });

  it("takes a message that says 0 bytes", () => {
    assert.deepEqual(new Deframer().push(frame(new Uint8Array(0))).map(plain), [[]]);
  });
});

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function split(bytes: Uint8Array, cutAt: readonly number[]): Uint8Array[] {
  const cuts = [
    0,
    ...cutAt.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b),
    bytes.length,
  ];
  return cuts.slice(1).map((end, at) => bytes.subarray(cuts[at], end));
}

function plain(bytes: Uint8Array): number[] {
  return [...bytes];
}

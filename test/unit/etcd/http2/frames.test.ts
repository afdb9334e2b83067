import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameReader } from "#etcd/http2/frame-reader.ts";
import {
  type Frame,
  frame,
  framePayloadMaxBytes,
  frameType,
  goawayFrame,
  headersFrames,
  ProtocolError,
  readUint31,
  readUint32,
  rstStreamFrame,
  unpadded,
  windowUpdateFrame,
} from "#etcd/http2/frames.ts";

function readAll(chunks: readonly Uint8Array[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader(({ payload, ...head }) => {
    frames.push({ ...head, payload: new Uint8Array(payload) });
  });
  for (const chunk of chunks) reader.push(chunk);
  return frames;
}

function split(bytes: Uint8Array, cutAt: readonly number[]): Uint8Array[] {
  const cuts = cutAt.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, at) => bytes.subarray(from, cuts[at] ?? bytes.length));
}

const anyFrame = fc.record(
  {
    type: fc.nat(255),
    flags: fc.nat(255),
    stream: fc.nat(2 ** 31 - 1),
    payload: fc.uint8Array({ maxLength: 60 }),
  },
  { noNullPrototype: true },
);

describe("HTTP/2 frames", () => {
  it("are read as they were made, however the bytes are split into chunks", () => {
    const frames = fc.array(anyFrame, { maxLength: 10 });
    const cuts = fc.array(fc.nat(1_000), { maxLength: 20 });
    fc.assert(
      fc.property(frames, cuts, (sent, cutAt) => {
        const bytes = Buffer.concat(sent.map(({ payload, ...head }) => frame(head, payload)));
        assert.deepEqual(readAll(split(bytes, cutAt)), sent);
        assert.deepEqual(readAll(Array.from(bytes, (byte) => Uint8Array.of(byte))), sent);
      }),
    );
  });

  it("may have as many bytes as were announced, and not one more", () => {
    const head = { type: frameType.data, flags: 0, stream: 1 };
    const largest = frame(head, new Uint8Array(framePayloadMaxBytes));
    assert.equal(readAll([largest.subarray(0, 100), largest.subarray(100)]).length, 1);
    const larger = frame(head, new Uint8Array(framePayloadMaxBytes + 1));
    assert.throws(() => readAll([larger]), ProtocolError);
    // Its head alone is enough.
    assert.throws(() => readAll([larger.subarray(0, 4), larger.subarray(4, 9)]), ProtocolError);
  });

  it("carry headers of any length, in one piece after the other", () => {
    const block = Uint8Array.from({ length: 2 * framePayloadMaxBytes + 1 }, (_, at) => at % 251);
    const frames = readAll([headersFrames(7, block)]);
    assert.deepEqual(
      frames.map(({ type, flags, stream }) => [type, flags, stream]),
      [
        [frameType.headers, 0, 7],
        [frameType.continuation, 0, 7],
        [frameType.continuation, 4, 7],
      ],
    );
    assert.deepEqual(Buffer.concat(frames.map(({ payload }) => payload)), Buffer.from(block));
    assert.deepEqual(readAll([headersFrames(7, block.subarray(0, 10))]).length, 1);
  });

  it("say their numbers in 31 or 32 bits", () => {
    const [update] = readAll([windowUpdateFrame(5, 2 ** 31 - 1)]);
    assert.equal(readUint31(update!.payload, 0), 2 ** 31 - 1);
    assert.equal(readUint31(Uint8Array.of(255, 255, 255, 255), 0), 2 ** 31 - 1);
    assert.equal(readUint32(Uint8Array.of(255, 255, 255, 255), 0), 2 ** 32 - 1);
    const [reset] = readAll([rstStreamFrame(5, 8)]);
    assert.equal(readUint32(reset!.payload, 0), 8);
    const [goodbye] = readAll([goawayFrame(11, "enough")]);
    assert.equal(readUint32(goodbye!.payload, 4), 11);
    assert.equal(Buffer.from(goodbye!.payload.subarray(8)).toString(), "enough");
  });

  it("are taken out of their padding, which may not be longer than they are", () => {
    const padded = (...payload: number[]) => ({
      ...{ type: frameType.data, flags: 8, stream: 1 },
      payload: Uint8Array.from(payload),
    });
    assert.deepEqual([...unpadded(padded(2, 7, 8, 0, 0))], [7, 8]);
    assert.deepEqual([...unpadded(padded(2, 0, 0))], []);
    assert.throws(() => unpadded(padded(3, 0, 0)), ProtocolError);
    assert.throws(() => unpadded(padded()), ProtocolError);
    assert.deepEqual([...unpadded({ ...padded(2, 0, 0), flags: 0 })], [2, 0, 0]);
  });
});

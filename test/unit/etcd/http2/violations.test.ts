/** What a server may not do: the session ends with the reason in words, and tells it the server. */
import assert from "node:assert/strict";
import { flag, frame, frameType, headersFrames, readUint32 } from "#etcd/http2/frames.ts";
import { encodeFields } from "#etcd/http2/hpack-encoder.ts";
import {
  begin,
  dataFrame,
  headFrame,
  numberFrame,
  okBlock,
  Peer,
  resetFrame,
  setting,
  settingsFrame,
  trailerFrame,
  widenFrame,
} from "./peer.ts";

const message = Uint8Array.of(1, 2, 3);

describe("a server that asks without end", () => {
  it("is left when it does not read the answers to its pings or settings", () => {
    const asks = [
      frame({ type: frameType.ping, flags: 0, stream: 0 }, new Uint8Array(8)),
      settingsFrame(),
    ];
    for (const ask of asks) {
      const peer = new Peer();
      peer.say(ask);
      assert.deepEqual(peer.told, ["settled"]);
      peer.backlogBytes = 2 * 1024 * 1024;
      peer.say(ask);
      assert.match(peer.told.at(-1) ?? "", /^failed: .*reads no answer/);
    }
  });

  it("is left when its headers never end", () => {
    const more = (size: number) =>
      frame({ type: frameType.continuation, flags: 0, stream: 1 }, new Uint8Array(size));
    for (const [size, times] of [
      [0, 100],
      [16_384, 5],
    ] as const) {
      const peer = new Peer();
      const { heard } = begin(peer, message);
      peer.say(frame({ type: frameType.headers, flags: 0, stream: 1 }, okBlock));
      for (let at = 0; at < times; at++) peer.say(more(size));
      assert.match(heard.ending ?? "", /^broken: .*headers come in more than/);
    }
  });
});

/** What a server may not do, and what of it the reason says. An exchange is open on stream 1, one was ended on 3. */
const violations: readonly (readonly [name: string, why: RegExp, ...Uint8Array[]])[] = [
  ["data on a stream that nobody opened", /stream 5, which nobody/, dataFrame(5, message)],
  ["headers on a stream of its own", /stream 2, which nobody/, headFrame(2)],
  ["data on the connection", /stream 0/, dataFrame(0, message)],
  ["data on a stream that it ended", /stream 3 goes on/, dataFrame(3, message)],
  ["headers on a stream that it ended", /stream 3 goes on/, trailerFrame(3)],
  ["data before the head", /without a head/, dataFrame(1, message)],
  ["trailers before the head", /without a status/, trailerFrame(1)],
  ["a second head", /second head/, headFrame(1), headFrame(1)],
  ["a head among the trailers", /second head/, headFrame(1), headFrame(1, okBlock, flag.endStream)],
  [
    "information, and no answer",
    /before it has begun/,
    headFrame(1, encodeFields([{ name: ":status", value: "100" }]), flag.endStream),
  ],
  [
    "a status that is none",
    /status/,
    headFrame(1, encodeFields([{ name: ":status", value: "2" }])),
  ],
  ["headers that are not HPACK", /cannot be read/, headFrame(1, Uint8Array.of(0xff))],
  [
    "headers without their end, and then something else",
    /one piece/,
    frame({ type: frameType.headers, flags: 0, stream: 1 }, okBlock),
    widenFrame(0, 1),
  ],
  [
    "headers that go on elsewhere",
    /one piece/,
    frame({ type: frameType.headers, flags: 0, stream: 1 }, okBlock),
    frame({ type: frameType.continuation, flags: flag.endHeaders, stream: 3 }, okBlock),
  ],
  [
    "a continuation of nothing",
    /one piece/,
    frame({ type: frameType.continuation, flags: flag.endHeaders, stream: 1 }, okBlock),
  ],
  [
    "headers that are too long",
    /more than 65536/,
    headersFrames(1, encodeFields([{ name: "x", value: "v".repeat(65_530) }])),
  ],
  [
    "too much padding",
    /padding/,
    frame({ type: frameType.data, flags: flag.padded, stream: 1 }, Uint8Array.of(9, 1)),
  ],
  [
    "headers too short for their priority",
    /priority/,
    frame({ type: frameType.headers, flags: 0x24, stream: 1 }, Uint8Array.of(0, 0)),
  ],
  ["a frame that is too large", /16385 bytes/, dataFrame(1, new Uint8Array(16_385))],
  [
    "a push",
    /pushes/,
    frame({ type: frameType.pushPromise, flags: flag.endHeaders, stream: 1 }, new Uint8Array(4)),
  ],
  ["wanting a push", /pushed to/, settingsFrame([setting.push, 1])],
  ["frames too small", /frames of 16383/, settingsFrame([setting.frameSize, 16_383])],
  ["frames too large", /frames of 16777216/, settingsFrame([setting.frameSize, 2 ** 24])],
  ["windows too large", /windows of 2147483648/, settingsFrame([setting.window, 2 ** 31])],
  ["a window of a stream that overflows", /window has more/, widenFrame(1, 2 ** 31 - 1)],
  ["a window of the connection that overflows", /window has more/, widenFrame(0, 2 ** 31 - 1)],
  [
    "a window that overflows by settings",
    /window has more/,
    widenFrame(1, 2 ** 31 - 1 - 65_535),
    settingsFrame([setting.window, 65_600]),
  ],
  ["a window that grows by nothing", /by nothing/, widenFrame(1, 0)],
  ["a window of a stream that nobody opened", /stream 5/, widenFrame(5, 1)],
  ["a reset of a stream that nobody opened", /stream 5/, resetFrame(5, 8)],
  [
    "a ping of 7 bytes",
    /7 bytes/,
    frame({ type: frameType.ping, flags: 0, stream: 0 }, new Uint8Array(7)),
  ],
  [
    "a ping on a stream",
    /stream 1/,
    frame({ type: frameType.ping, flags: 0, stream: 1 }, new Uint8Array(8)),
  ],
  [
    "settings of 7 bytes",
    /7 bytes/,
    frame({ type: frameType.settings, flags: 0, stream: 0 }, new Uint8Array(7)),
  ],
  [
    "settings on a stream",
    /stream 1/,
    frame({ type: frameType.settings, flags: 0, stream: 1 }, new Uint8Array(0)),
  ],
  [
    "an acknowledgement with settings",
    /6 bytes/,
    frame({ type: frameType.settings, flags: flag.ack, stream: 0 }, new Uint8Array(6)),
  ],
  [
    "a goodbye of 7 bytes",
    /too short/,
    frame({ type: frameType.goaway, flags: 0, stream: 0 }, new Uint8Array(7)),
  ],
  [
    "a goodbye on a stream",
    /stream 1/,
    frame({ type: frameType.goaway, flags: 0, stream: 1 }, new Uint8Array(8)),
  ],
  [
    "a reset of 3 bytes",
    /3 bytes/,
    frame({ type: frameType.rstStream, flags: 0, stream: 1 }, new Uint8Array(3)),
  ],
  ["a window of 5 bytes", /5 bytes/, numberOf5()],
  ["a priority of 4 bytes", /4 bytes/, numberFrame(frameType.priority, 1, 0)],
];

function numberOf5(): Uint8Array {
  return frame({ type: frameType.windowUpdate, flags: 0, stream: 1 }, new Uint8Array(5));
}

describe("a server that breaks the protocol", () => {
  for (const [name, why, ...frames] of violations) {
    it(`is left, and told why: ${name}`, () => {
      const peer = new Peer();
      const [open, ended] = [begin(peer, message), begin(peer, message)];
      peer.say(headFrame(3, okBlock, flag.endStream));
      assert.equal(ended.heard.ending, "done");
      peer.written();
      peer.say(...frames);
      const reason = peer.told.at(-1) ?? "";
      assert.match(reason, /^failed: the server broke the protocol/);
      assert.match(reason, why);
      assert.equal(open.heard.ending, reason.replace("failed", "broken"));
      const goodbye = peer.written().at(-1)!;
      assert.equal(goodbye.type, frameType.goaway);
      assert.notEqual(readUint32(goodbye.payload, 4), 0);
      assert.match(Buffer.from(goodbye.payload.subarray(8)).toString(), why);
      // It is over: nothing is answered any more.
      peer.say(settingsFrame());
      assert.deepEqual(peer.written(), []);
    });
  }

  it("is left where it does not begin with its settings", () => {
    const first = [frame({ type: frameType.ping, flags: 0, stream: 0 }, new Uint8Array(8))];
    assert.match(new Peer({ first }).told.join(), /^failed: .*does not begin with its settings/);
    const ack = [
      frame({ type: frameType.settings, flags: flag.ack, stream: 0 }, new Uint8Array(0)),
    ];
    assert.match(new Peer({ first: ack }).told.join(), /^failed: .*does not begin/);
  });
});

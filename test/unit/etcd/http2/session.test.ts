import assert from "node:assert/strict";
import fc from "fast-check";
import { flag, frame, frameType, readUint32 } from "#etcd/http2/frames.ts";
import { encodeFields } from "#etcd/http2/hpack-encoder.ts";
import {
  begin,
  dataFrame,
  goodbyeFrame,
  headFrame,
  Heard,
  inWords,
  okBlock,
  Peer,
  resetFrame,
  setting,
  settingsFrame,
  trailerBlock,
  trailerFrame,
  widenFrame,
} from "./peer.ts";

const message = Uint8Array.of(1, 2, 3);
const streamWindow = 4 * 1024 * 1024;

function words(peer: Peer): string[] {
  return peer.written().map(inWords);
}

describe("an exchange", () => {
  it("is written in one piece: its head, and its message, with which it ends", () => {
    const peer = new Peer();
    const before = peer.writes;
    const { exchange } = begin(peer, message);
    assert.equal(peer.writes - before, 1);
    assert.deepEqual(words(peer), ["headers 1", "data 1 8 last"]);
    assert.equal(exchange.sent, true);
    begin(peer, message);
    assert.deepEqual(words(peer), ["headers 3", "data 3 8 last"]);
  });

  it("hears the head, the data and the trailers of its answer, however the bytes are split", () => {
    const answer = Buffer.concat([
      headFrame(1, encodeFields([{ name: ":status", value: "103" }])),
      headFrame(1),
      frame({ type: frameType.data, flags: flag.padded, stream: 1 }, Uint8Array.of(2, 7, 8, 0, 0)),
      frame({ type: frameType.priority, flags: 0, stream: 1 }, new Uint8Array(5)),
      frame({ type: 200, flags: 255, stream: 12 }, new Uint8Array(9)),
      dataFrame(1, Uint8Array.of()),
      dataFrame(1, Uint8Array.of(9)),
      frame(
        { type: frameType.headers, flags: flag.priority | flag.endStream, stream: 1 },
        Buffer.concat([new Uint8Array(5), trailerBlock.subarray(0, 3)]),
      ),
      frame({ type: frameType.continuation, flags: 0, stream: 1 }, new Uint8Array(0)),
      frame(
        { type: frameType.continuation, flags: flag.endHeaders, stream: 1 },
        trailerBlock.subarray(3),
      ),
    ]);
    const cuts = fc.array(fc.nat(answer.length), { maxLength: 8 });
    fc.assert(
      fc.property(cuts, (cutAt) => {
        const peer = new Peer();
        const { heard } = begin(peer, message);
        const ends = [...cutAt.sort((a, b) => a - b), answer.length];
        ends.forEach((end, at) => {
          peer.session.receive(answer.subarray(ends[at - 1] ?? 0, end));
        });
        assert.deepEqual(heard.fields, [
          [{ name: ":status", value: "200" }],
          [{ name: "grpc-status", value: "0" }],
        ]);
        assert.deepEqual(heard.received, [7, 8, 9]);
        assert.equal(heard.ending, "done");
        assert.deepEqual(peer.told, ["settled", "idle"]);
      }),
    );
  });

  it("is not sent where the server refuses it, and broken where it is reset otherwise", () => {
    const peer = new Peer();
    const [refused, reset, begun] = [1, 2, 3].map(() => begin(peer, message));
    peer.say(resetFrame(1, 7), resetFrame(3, 2), headFrame(5), resetFrame(5, 7));
    assert.match(refused!.heard.ending ?? "", /^notSent: .*code 7/);
    assert.match(reset!.heard.ending ?? "", /^broken: .*code 2/);
    // It has said something, so it has looked at it.
    assert.match(begun!.heard.ending ?? "", /^broken: .*code 7/);
    // What comes for it later is nothing new.
    peer.say(resetFrame(1, 7), widenFrame(1, 5));
    assert.deepEqual(peer.told, ["settled", "idle"]);
  });

  it("is left without a word, and what the server still says of it is passed over", () => {
    const peer = new Peer();
    const { exchange, heard } = begin(peer, message);
    peer.written();
    exchange.cancel();
    exchange.cancel();
    assert.deepEqual(words(peer), ["rstStream 1"]);
    peer.say(headFrame(1), dataFrame(1, message), trailerFrame(1), resetFrame(1, 8));
    assert.deepEqual([heard.fields, heard.received, heard.end], [[], [], undefined]);
    assert.deepEqual(peer.told, ["settled", "idle"]);
  });

  it("that was left still has its headers read: those of others are told by them", () => {
    const peer = new Peer();
    const [left, other] = [begin(peer, message), begin(peer, message)];
    left.exchange.cancel();
    // Kept in the table as `a: x`, and then referred to.
    const kept = Uint8Array.of(0x88, 0x40, 1, 97, 1, 120);
    peer.say(headFrame(1, kept), headFrame(3, Uint8Array.of(0x88, 0xbe)));
    assert.deepEqual(left.heard.fields, []);
    assert.deepEqual(other.heard.fields[0]?.at(-1), { name: "a", value: "x" });
  });

  it("is reset where the server ends it before it has taken all", () => {
    const peer = new Peer({ first: [settingsFrame([setting.window, 4])] });
    const { heard } = begin(peer, message);
    assert.deepEqual(words(peer), ["headers 1", "data 1 4"]);
    peer.say(headFrame(1, okBlock, flag.endStream));
    assert.equal(heard.ending, "done");
    assert.deepEqual(words(peer), ["rstStream 1"]);
  });

  it("waits where the server takes no more at once, and then was not sent until its turn comes", () => {
    const peer = new Peer({ first: [settingsFrame([setting.streams, 1])] });
    const first = begin(peer, message);
    const [left, next] = [begin(peer, message), begin(peer, message)];
    assert.deepEqual(words(peer), ["headers 1", "data 1 8 last"]);
    assert.equal(left.exchange.sent, false);
    left.exchange.cancel();
    peer.say(headFrame(1), trailerFrame(1));
    assert.equal(first.heard.ending, "done");
    assert.deepEqual(words(peer), ["headers 3", "data 3 8 last"]);
    assert.equal(next.exchange.sent, true);
    const more = [begin(peer, message), begin(peer, message)];
    peer.say(settingsFrame([setting.streams, 2]));
    assert.deepEqual(words(peer), ["settings 0 ack", "headers 5", "data 5 8 last"]);
    peer.session.end("gone");
    assert.deepEqual(
      [next, ...more].map(({ heard }) => heard.ending),
      ["broken: gone", "broken: gone", "notSent: gone"],
    );
  });

  it("waits where the socket takes no more, and goes on when it does", () => {
    const peer = new Peer();
    peer.backlogBytes = 2 ** 20;
    const { exchange } = begin(peer, message);
    assert.equal(exchange.sent, false);
    peer.backlogBytes = 0;
    peer.session.goOn();
    assert.deepEqual(words(peer), ["headers 1", "data 1 8 last"]);
  });

  it("is not begun where too many bytes, or too many others, wait", () => {
    const peer = new Peer({ first: [settingsFrame([setting.streams, 0])] });
    const large = new Uint8Array(100 * 1024 * 1024);
    const plan = { fields: [], listener: new Heard() };
    const first = begin(peer, large);
    assert.equal(peer.session.request({ ...plan, message: large }), undefined);
    first.exchange.cancel();
    begin(peer, large).exchange.cancel();
    let begun = 0;
    while (peer.session.request({ fields: [], listener: new Heard() }) !== undefined) begun += 1;
    assert.equal(begun, 10_000);
  });

  it("is begun however much has passed before it: only what waits is counted", () => {
    const peer = new Peer({ first: [settingsFrame([setting.window, 2 ** 30])] });
    const large = new Uint8Array(30 * 1024 * 1024);
    for (let times = 0; times < 10; times++) {
      peer.say(widenFrame(0, large.length + 5));
      const { exchange, heard } = begin(peer, large);
      peer.say(headFrame(exchange.id), trailerFrame(exchange.id));
      assert.equal(heard.ending, "done");
      peer.written();
    }
  });

  it("ends where too much waits to be sent on it", () => {
    const peer = new Peer({ first: [settingsFrame([setting.window, 0])] });
    const { exchange, heard } = begin(peer);
    const large = new Uint8Array(100 * 1024 * 1024);
    exchange.send(large);
    exchange.send(large);
    assert.equal(heard.ending, "broken: too much waits to be sent");
    assert.deepEqual(words(peer), ["headers 1", "rstStream 1"]);
  });
});

describe("a goodbye of the server", () => {
  it("says which exchanges it has not looked at; the others may end, and none is begun", () => {
    const peer = new Peer({ first: [settingsFrame([setting.streams, 2])] });
    const [first, second, waiting] = [1, 2, 3].map(() => begin(peer, message));
    peer.written();
    peer.say(goodbyeFrame(1, 0, "going"));
    const reason = "the server said goodbye, code 0 (going)";
    assert.equal(second!.heard.ending, `notSent: ${reason}`);
    assert.equal(waiting!.heard.ending, `notSent: ${reason}`);
    assert.equal(first!.heard.ending, undefined);
    assert.deepEqual(words(peer), []);
    assert.equal(peer.session.request({ fields: [], listener: new Heard() }), undefined);
    peer.say(headFrame(1), trailerFrame(1));
    assert.equal(first!.heard.ending, "done");
    assert.deepEqual(peer.told, ["settled", `goodbye: ${reason}`, "idle"]);
  });

  it("may be said again with fewer exchanges, but not with more", () => {
    const peer = new Peer();
    const { heard } = begin(peer, message);
    peer.say(goodbyeFrame(2 ** 31 - 1));
    assert.equal(heard.end, undefined);
    peer.say(goodbyeFrame(0));
    assert.match(heard.ending ?? "", /^notSent/);
    peer.say(goodbyeFrame(1));
    assert.match(peer.told.at(-1) ?? "", /^failed: .*takes back/);
  });
});

describe("what a client sends", () => {
  /** Bytes of data that were written, by stream. */
  function sizes(peer: Peer): Map<number, number> {
    const sums = new Map<number, number>();
    for (const { type, stream, payload } of peer.written()) {
      if (type === frameType.data) sums.set(stream, (sums.get(stream) ?? 0) + payload.length);
    }
    return sums;
  }

  it("stays within the windows of the stream and of the connection", () => {
    const peer = new Peer({ first: [settingsFrame([setting.window, 40_000])] });
    begin(peer, new Uint8Array(99_995));
    assert.deepEqual([...sizes(peer)], [[1, 40_000]]);
    begin(peer, new Uint8Array(99_995));
    // 65,535 is the connection's, whatever is said of streams.
    assert.deepEqual([...sizes(peer)], [[3, 25_535]]);
    peer.say(widenFrame(1, 1_000_000));
    assert.deepEqual([...sizes(peer)], []);
    peer.say(widenFrame(0, 100_000));
    assert.deepEqual([...sizes(peer)].sort(), [
      [1, 60_000],
      [3, 14_465],
    ]);
    peer.say(widenFrame(3, 60_000));
    assert.deepEqual([...sizes(peer)], [[3, 25_535]]);
    peer.say(widenFrame(0, 1_000_000));
    assert.deepEqual([...sizes(peer)], [[3, 34_465]]);
  });

  it("takes turns, so that a large message does not hold up a small one", () => {
    const peer = new Peer({ first: [settingsFrame([setting.window, 1_000_000])] });
    begin(peer, new Uint8Array(500_000));
    begin(peer, message);
    peer.written();
    peer.say(widenFrame(0, 300_000));
    const small = words(peer).indexOf("data 3 8 last");
    assert.ok(small >= 0 && small <= 4, `the small one came as number ${small}`);
  });

  it("stops where the server makes its windows smaller, until they are above nothing again", () => {
    const peer = new Peer({ first: [settingsFrame([setting.window, 1_000])] });
    begin(peer, new Uint8Array(1_495));
    assert.deepEqual([...sizes(peer)], [[1, 1_000]]);
    peer.say(settingsFrame([setting.window, 100]));
    peer.say(widenFrame(1, 900));
    assert.deepEqual([...sizes(peer)], []);
    peer.say(widenFrame(1, 1));
    assert.deepEqual([...sizes(peer)], [[1, 1]]);
    peer.say(settingsFrame([setting.window, 5_000]));
    assert.deepEqual([...sizes(peer)], [[1, 499]]);
    // For new ones too.
    begin(peer, new Uint8Array(6_000));
    assert.deepEqual([...sizes(peer)], [[3, 5_000]]);
  });

  it("goes out as fast as the socket takes it, and no faster", () => {
    const peer = new Peer({ first: [settingsFrame([setting.window, 2 ** 30])] });
    peer.say(widenFrame(0, 2 ** 30));
    peer.stuck = true;
    begin(peer, new Uint8Array(999_995));
    const first = sizes(peer).get(1) ?? 0;
    assert.ok(first > 200_000 && first < 400_000, `${first} bytes went into the socket`);
    begin(peer, message);
    peer.session.goOn();
    assert.deepEqual(words(peer), []);
    peer.stuck = false;
    peer.backlogBytes = 0;
    peer.session.goOn();
    assert.deepEqual([...sizes(peer)].sort(), [
      [1, 1_000_000 - first],
      [3, 8],
    ]);
  });

  it("has no larger frames than any server must take, and long heads in several", () => {
    const peer = new Peer({ first: [settingsFrame([setting.frameSize, 1_000_000])] });
    const fields = [{ name: "token", value: "t".repeat(40_000), secret: true }];
    peer.session.request({ fields, listener: new Heard(), message: new Uint8Array(40_000) });
    const frames = peer.written();
    assert.ok(frames.every(({ payload }) => payload.length <= 16_384));
    const names = ["headers 1", "continuation 1", "continuation 1"];
    assert.deepEqual(frames.map(inWords), [
      ...names,
      "data 1 16384",
      "data 1 16384",
      "data 1 7237 last",
    ]);
  });
});

describe("what a client takes", () => {
  it("is bounded for each stream by what was read of it, and on the connection by what may be under way", () => {
    const peer = new Peer();
    const [slow, fast] = [begin(peer, message), begin(peer, message)];
    peer.say(headFrame(1), headFrame(3));
    peer.written();
    const piece = new Uint8Array(16_384);
    const fill = (stream: number) => {
      for (let sent = 0; sent < streamWindow; sent += piece.length)
        peer.say(dataFrame(stream, piece));
    };
    fill(1);
    // 4 MiB lie unread on one stream. The other goes on, 64 MiB and more.
    for (let times = 0; times < 20; times++) {
      fill(3);
      fast.exchange.consumed(streamWindow);
    }
    const updates = peer.written().filter(({ type }) => type === frameType.windowUpdate);
    const of = (stream: number) =>
      updates
        .filter((one) => one.stream === stream)
        .reduce((sum, { payload }) => sum + readUint32(payload, 0), 0);
    assert.equal(of(3), 20 * streamWindow);
    assert.equal(of(1), 0);
    assert.ok(of(0) >= 32 * 1024 * 1024, "the connection's window is not given back");
    slow.exchange.consumed(streamWindow / 2 - 1);
    assert.deepEqual(words(peer), []);
    slow.exchange.consumed(1);
    assert.deepEqual(words(peer), ["windowUpdate 1"]);
    peer.say(...Array.from({ length: 128 }, () => dataFrame(1, piece)));
    assert.deepEqual(peer.told, ["settled"]);
    peer.say(dataFrame(1, Uint8Array.of(1)));
    assert.match(peer.told.at(-1) ?? "", /^failed: .*window of 4194304 bytes/);
  });

  it("counts padding, which nobody reads, as read", () => {
    const peer = new Peer();
    begin(peer, message);
    peer.say(headFrame(1));
    peer.written();
    const padded = new Uint8Array(256);
    padded[0] = 255;
    const frames = streamWindow / 2 / 256;
    for (let at = 0; at < frames; at++) {
      peer.say(frame({ type: frameType.data, flags: flag.padded, stream: 1 }, padded));
    }
    assert.deepEqual(words(peer), ["windowUpdate 1"]);
  });
});

describe("a session", () => {
  it("begins with a preface, its settings and a wide window, and acknowledges the server's", () => {
    const peer = new Peer({ first: [] });
    assert.deepEqual(peer.told, []);
    peer.say(settingsFrame([9, 9], [setting.push, 0]));
    assert.deepEqual(words(peer), ["settings 0 ack"]);
    peer.say(settingsFrame());
    peer.say(frame({ type: frameType.settings, flags: flag.ack, stream: 0 }, new Uint8Array(0)));
    assert.deepEqual(words(peer), ["settings 0 ack"]);
    assert.deepEqual(peer.told, ["settled"]);
  });

  it("answers pings with what they carry, and knows the answer to its own", () => {
    const peer = new Peer();
    const ping = (flags: number, payload: Uint8Array) =>
      frame({ type: frameType.ping, flags, stream: 0 }, payload);
    const payload = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    peer.say(ping(0, payload));
    const [pong] = peer.written();
    assert.deepEqual([inWords(pong!), pong!.payload], ["ping 0 ack", payload]);
    peer.session.ping();
    const [own] = peer.written();
    peer.say(ping(flag.ack, payload));
    assert.deepEqual(peer.told, ["settled"]);
    peer.say(ping(flag.ack, own!.payload));
    assert.deepEqual(peer.told, ["settled", "ponged"]);
  });

  it("begins no more when the numbers of streams are used up, and lets those under way end", () => {
    const first = [settingsFrame([setting.streams, 1])];
    const peer = new Peer({ firstId: 2 ** 31 - 3, first });
    const [, last, waiting] = [1, 2, 3].map(() => begin(peer, message));
    const answer = (stream: number) => {
      peer.say(headFrame(stream), trailerFrame(stream));
    };
    answer(2 ** 31 - 3);
    assert.equal(last!.exchange.id, 2 ** 31 - 1);
    assert.equal(waiting!.heard.ending, "notSent: the numbers of streams are used up");
    assert.equal(peer.session.request({ fields: [], listener: new Heard() }), undefined);
    answer(2 ** 31 - 1);
    assert.equal(last!.heard.ending, "done");
    const told = ["settled", "goodbye: the numbers of streams are used up", "idle"];
    assert.deepEqual(peer.told, told);
  });

  it("hears nothing of what comes in the same packet as its end", () => {
    const peer = new Peer();
    const listener = new Heard();
    listener.ended = () => {
      peer.session.end("enough");
    };
    peer.session.request({ fields: [], listener, message });
    peer.written();
    peer.say(headFrame(1), trailerFrame(1), settingsFrame());
    assert.deepEqual(words(peer), []);
  });

  it("ends what is under way, once, and hears nothing more", () => {
    const peer = new Peer();
    const { exchange, heard } = begin(peer, message);
    peer.written();
    peer.session.end("the socket broke");
    peer.session.end("again");
    peer.say(headFrame(1), trailerFrame(1));
    exchange.send(message);
    exchange.cancel();
    exchange.consumed(streamWindow);
    assert.equal(heard.ending, "broken: the socket broke");
    assert.deepEqual(words(peer), []);
    assert.deepEqual(peer.told, ["settled"]);
  });
});

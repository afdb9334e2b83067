import assert from "node:assert/strict";
import fc from "fast-check";
import { ProtocolError } from "#etcd/http2/frames.ts";
import { ReceiveWindow, SendWindow } from "#etcd/http2/window.ts";

describe("the window of what we send", () => {
  it("can fall below nothing, and lets nothing through until it is above again", () => {
    const window = new SendWindow(100);
    window.sent(80);
    window.change(-50);
    assert.equal(window.availableBytes, 0);
    window.change(30);
    assert.equal(window.availableBytes, 0);
    window.change(1);
    assert.equal(window.availableBytes, 1);
  });

  it("never has more than 2^31-1 bytes", () => {
    const window = new SendWindow(2 ** 31 - 2);
    window.change(1);
    assert.throws(() => {
      window.change(1);
    }, ProtocolError);
  });
});

describe("the window of what we receive", () => {
  it("takes exactly what was announced, whatever is read in between", () => {
    const steps = fc.array(
      fc.record({ received: fc.nat(40), read: fc.double({ max: 1, min: 0 }) }),
    );
    fc.assert(
      fc.property(steps, (all) => {
        const window = new ReceiveWindow(100);
        let [announced, received, read] = [100, 0, 0];
        for (const step of all) {
          const bytes = Math.min(step.received, announced - received);
          window.received(bytes);
          received += bytes;
          const reads = Math.floor((received - read) * (step.read || 0));
          read += reads;
          announced += window.consumed(reads);
          assert.ok(announced - read <= 100, "more lies here than the window has");
          assert.ok(announced - read > 50, "read, and not told of");
        }
        window.received(announced - received);
        assert.throws(() => {
          window.received(1);
        }, ProtocolError);
      }),
    );
  });
});

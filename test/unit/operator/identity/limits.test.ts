import assert from "node:assert/strict";
import { ExchangeLimits } from "#operator/identity/limits.ts";
import { Clock } from "#test/support/clock.ts";

const entered = (limits: ExchangeLimits, address: string): Disposable => {
  const got = limits.enter(address);
  if (typeof got === "string") assert.fail(got);
  return got;
};
const refused = (limits: ExchangeLimits, address: string): string => {
  const got = limits.enter(address);
  return typeof got === "string" ? got : assert.fail("it was let in");
};

describe("how many may ask for an identity", () => {
  it("bounds each address by itself, and gives it more with time", () => {
    const clock = new Clock();
    const limits = new ExchangeLimits(clock);
    for (let at = 0; at < 30; at++) entered(limits, "10.0.0.1")[Symbol.dispose]();
    assert.match(refused(limits, "10.0.0.1"), /10\.0\.0\.1 asks too often/);
    entered(limits, "10.0.0.2")[Symbol.dispose]();
    clock.pass(200);
    entered(limits, "10.0.0.1")[Symbol.dispose]();
    refused(limits, "10.0.0.1");
  });

  it("bounds those that are under way, until one has left", () => {
    const limits = new ExchangeLimits(new Clock());
    const under = Array.from({ length: 64 }, (_, at) => entered(limits, `10.0.1.${at}`));
    assert.match(refused(limits, "10.0.2.1"), /64 are being answered/);
    under[0]?.[Symbol.dispose]();
    entered(limits, "10.0.2.2");
  });

  it("bounds all together, and one address cannot use up what is everybody's", () => {
    const limits = new ExchangeLimits(new Clock());
    for (let at = 0; at < 1_000; at++) {
      const got = limits.enter("10.0.0.1");
      if (typeof got !== "string") got[Symbol.dispose]();
    }
    // 30 of 300 went to it.
    for (let at = 0; at < 270; at++) entered(limits, `10.1.0.${at}`)[Symbol.dispose]();
    assert.match(refused(limits, "10.2.0.1"), /Too many/);
  });
});

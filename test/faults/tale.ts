/** A history as it is told, for the tests of the checkers. */
import assert from "node:assert/strict";
import { checks, judge } from "./checks/checks.ts";
import { waits } from "./checks/served.ts";
import type { Event, Said } from "./history/event.ts";
import { historyOf, type Pools } from "./history/history.ts";
import { told } from "./report/lines.ts";

const pools: Pools = {
  orders: { sharing: { mode: "Mutex", permits: 1 } },
  pages: { sharing: { mode: "ReadWrite", permits: 1 } },
  slots: { sharing: { mode: "Semaphore", permits: 3 } },
  kept: { sharing: { mode: "Mutex", permits: 1 }, isSticky: true },
};

/** A history as it is told: each line at a moment, in seconds. */
export class Tale {
  readonly events: Event[] = [];
  #fence = 100;

  at(second: number, said: Said, by = "pod-a/1"): this {
    this.events.push({ atNs: second * 1e9, by, ...said });
    return this;
  }

  asks(second: number, op: string, more: Partial<Said & { kind: "asked" }> = {}): this {
    return this.at(second, {
      ...{ kind: "asked", op, lock: "orders/1", mode: "exclusive", permits: 1, waitMs: 10_000 },
      ...{ hold: "ttl", holder: op, pod: "pod-a", work: "strict", ...more },
    });
  }

  /** `until`: the guarantee, in seconds. */
  granted(
    second: number,
    op: string,
    { until, fence, grantId, sent = second - 0.1 }: GrantedHow,
  ): this {
    this.#fence += 1;
    return this.at(second, {
      ...{ kind: "granted", op, grantId: grantId ?? `session-${op}`, sentNs: sent * 1e9 },
      ...{ fence: String(fence ?? this.#fence), guaranteedUntilNs: until * 1e9 },
    });
  }

  stated(second: number, op: string, { sent, until }: { sent: number; until: number }): this {
    return this.at(second, {
      ...{ kind: "stated", op, sentNs: sent * 1e9, guaranteedUntilNs: until * 1e9 },
    });
  }

  released(second: number, op: string): this {
    return this.at(second, { kind: "releasing", op }).at(second + 0.01, { kind: "released", op });
  }

  finds(rule: keyof typeof checks, what: RegExp): void {
    const history = historyOf(this.#sorted(), pools);
    const found = checks[rule]?.(history) ?? [];
    assert.equal(found.length, 1, `${found.length} violations instead of one`);
    assert.match(found[0]?.what ?? "", what);
    assert.match(told(history, found), what, "it is told with its lines");
  }

  isWell(): void {
    assert.deepEqual(judge(historyOf(this.#sorted(), pools)), []);
  }

  waits() {
    return waits(this.history());
  }

  history() {
    return historyOf(this.#sorted(), pools);
  }

  #sorted(): Event[] {
    return this.events.toSorted((a, b) => a.atNs - b.atNs);
  }
}

interface GrantedHow {
  readonly until: number;
  readonly fence?: number;
  readonly grantId?: string;
  /** When it was asked. */
  readonly sent?: number;
}

import assert from "node:assert/strict";
import { describe, it } from "mocha";
import fc from "fast-check";
import {
  behindMax,
  circlesIn,
  youngest,
  type Circle,
  type IsAdmitted,
  type Queue,
} from "#core/lock/circles.ts";
import type { Contender } from "#core/lock/contender.ts";
import type { Sharing } from "#core/lock/order.ts";
import type { Epoch } from "#core/runtime.ts";
import { revision } from "#core/store.ts";

interface Written {
  readonly mode?: "shared";
  readonly permits?: number;
  readonly trying?: true;
  /** Of which set. */
  readonly set?: string;
}

/** `A@3`: owner A, made at revision 3; `-@3`: nobody's. */
function contender(lock: string, who: string, { set, ...more }: Written = {}): Contender {
  const [owner = "", at = ""] = who.split("@");
  return {
    key: `locks/${lock}/s-${set ?? at}`,
    createRevision: revision(Number(at)),
    modRevision: revision(Number(at)),
    ...{ session: "s", pod: "pod", mode: "exclusive", permits: 1, holder: "h", metadata: {} },
    ...{
      since: 0 as Epoch,
      base: 0n,
      handovers: 0,
      joined: [0],
      localWaiters: 0,
      trying: false,
      idle: false,
      isOwn: true,
    },
    ...(owner === "-" ? {} : { owner }),
    ...(set === undefined ? {} : { set: "waiting" as const }),
    ...more,
  };
}

type Place = string | readonly [string, Written];

const mutex: Sharing = { mode: "Mutex", permits: 1 };
const readWrite: Sharing = { mode: "ReadWrite", permits: 1 };
const semaphore = (permits: number): Sharing => ({ mode: "Semaphore", permits });

function queue(name: string, places: readonly Place[], sharing = mutex): Queue {
  const contenders = places.map((place) =>
    typeof place === "string" ? contender(name, place) : contender(name, ...place),
  );
  return { lock: { pool: "orders", name }, sharing, contenders };
}

const nobody = () => false;

function stepsOf(queues: readonly Queue[], isAdmitted: IsAdmitted = nobody) {
  const looking = circlesIn(queues, isAdmitted);
  for (let steps = 0; ; steps += 1) {
    const step = looking.next();
    if (step.done === true) return { circles: step.value, steps };
  }
}

const circlesOf = (queues: readonly Queue[], isAdmitted?: IsAdmitted): Circle[] =>
  stepsOf(queues, isAdmitted).circles;

const found = (queues: readonly Queue[], isAdmitted: (one: Contender) => boolean = nobody) =>
  circlesOf(queues, isAdmitted).map(ownersOf);
const ownersOf = ({ waits }: Circle) => [...new Set(waits.map(({ owner }) => owner))].sort();

describe("circles of waiting owners", () => {
  it("are found where two wait for each other, and where three do", () => {
    const two = [queue("1", ["A@1", "B@4"]), queue("2", ["B@2", "A@3"])];
    assert.deepEqual(found(two), [["A", "B"]]);
    const [circle] = circlesOf(two, nobody);
    assert.deepEqual(
      circle?.waits.map(({ owner, lock, behind }) => [owner, lock.name, behind()]).sort(),
      [
        ["A", "2", ["B"]],
        ["B", "1", ["A"]],
      ],
    );
    const three = [
      queue("1", ["A@1", "B@4"]),
      queue("2", ["B@2", "C@5"]),
      queue("3", ["C@3", "A@6"]),
    ];
    assert.deepEqual(found(three), [["A", "B", "C"]]);
    assert.deepEqual(found(three.slice(0, 2)), []);
  });

  it("are found with a crowd behind them, who are in none", function () {
    // Gone through for each of the crowd, this took longer than a session lives.
    this.timeout(60_000);
    const crowd = Array.from({ length: 600 }, (_, index) => `W${index}@${index + 10}`);
    assert.deepEqual(found([queue("1", ["A@1", "B@4", ...crowd]), queue("2", ["B@2", "A@3"])]), [
      ["A", "B"],
    ]);
  });

  it("are looked for in steps that grow with the number of owners only", () => {
    // Each waits for the next; closed, all for each other; and each in the queue of one lock.
    const count = 8_000;
    const chain = Array.from({ length: count }, (_, at) =>
      queue(`${at}`, at === 0 ? ["O0@1"] : [`O${at}@${at + 1}`, `O${at - 1}@${count + at}`]),
    );
    const closing = queue("closing", [`O0@${3 * count}`, `O${count - 1}@${3 * count + 1}`]);
    const crowd = queue(
      "crowd",
      Array.from({ length: count }, (_, at) => `O${at}@${4 * count + at}`),
    );
    for (const [queues, circles] of [
      [[...chain], 0],
      [chain.toReversed(), 0],
      [[...chain, closing], 1],
      [[crowd], 0],
      [[crowd, queue("back", [`O${count - 1}@1`, `O0@${9 * count}`])], 1],
    ] as const) {
      const looked = stepsOf(queues);
      assert.equal(looked.circles.length, circles);
      assert.ok(looked.steps < 20 * count, `${looked.steps} steps`);
    }
  });

  it("are told of one who waits for himself", () => {
    assert.deepEqual(found([queue("1", ["A@1", "A@2"])]), [["A"]]);
    assert.deepEqual(found([queue("1", ["-@1", "A@2", "A@3"])]), []);
    const shared = { mode: "shared" } as const;
    const readers: Place[] = [
      ["A@1", shared],
      ["A@2", shared],
    ];
    assert.deepEqual(found([queue("1", readers, readWrite)]), []);
    assert.deepEqual(found([queue("1", [...readers, "A@3"], readWrite)]), [["A"]]);
  });

  it("tell of a wait behind very many by the last of those alone", () => {
    const crowd = Array.from({ length: 300 }, (_, index) => `O${index}@${index + 10}`);
    const [circle] = circlesOf([queue("1", crowd), queue("2", ["O299@1", "O0@900"])]);
    const waits = circle?.waits.filter(({ lock }) => lock.name === "1") ?? [];
    assert.equal(waits.length, 299);
    assert.deepEqual(waits[0]?.behind(), ["O0"]);
    assert.deepEqual(
      waits.at(-1)?.behind(),
      Array.from({ length: behindMax }, (_, index) => `O${199 + index}`),
    );
  });

  it("have nobody in them who names no owner, or who only waits for one of them", () => {
    assert.deepEqual(found([queue("1", ["-@1", "B@4"]), queue("2", ["B@2", "-@3"])]), []);
    const circle = [queue("1", ["A@1", "B@4", "C@5"]), queue("2", ["B@2", "A@3"])];
    assert.deepEqual(found([...circle, queue("3", ["C@6", "D@7"])]), [["A", "B"]]);
  });

  it("are made by who stands before, also where he waits himself: nobody is passed over", () => {
    // B waits for a permit that there is, behind A, who wants more than there are.
    const queues = [
      queue("1", ["-@1", ["A@3", { permits: 2 }], "B@4"], semaphore(2)),
      queue("2", ["B@2", "A@5"]),
    ];
    assert.deepEqual(found(queues), []);
    assert.deepEqual(
      found([
        queue("1", ["C@1", ["A@3", { permits: 2 }], "B@4"], semaphore(2)),
        ...queues.slice(1),
      ]),
      [],
    );
  });

  it("are none where any of several that hold permits may give one back", () => {
    const waits = queue("2", ["A@1", "B@5"]);
    const all: Place[] = ["B@2", "C@3", "A@4"];
    assert.deepEqual(found([queue("1", all, semaphore(2)), waits]), []);
    const both = [queue("1", all, semaphore(2)), queue("2", ["A@1", "B@5", "C@6"])];
    assert.deepEqual(found(both), [["A", "B", "C"]]);
  });

  it("are not made of those who can go on as soon as another circle is broken", () => {
    const queues = [
      queue("1", ["P@1", "Q@2", "O@5"], semaphore(2)),
      queue("2", ["O@3", "P@6"]),
      queue("3", ["Q@4", "R@9"]),
      queue("4", ["R@7", "Q@8"]),
    ];
    assert.deepEqual(found(queues), [["Q", "R"]]);
    assert.deepEqual(found(queues.slice(0, 2)), []);
  });

  it("let readers in beside each other, and hold a writer up behind any", () => {
    const shared = { mode: "shared" } as const;
    const readers: Place[] = [
      ["A@1", shared],
      ["B@2", shared],
    ];
    const upgrade = [...readers, "A@3", "B@4"];
    assert.deepEqual(found([queue("1", upgrade, readWrite)]), [["A", "B"]]);
    const behindWriter: Place[] = [["A@1", shared], "B@3", ["A@4", shared]];
    assert.deepEqual(found([queue("1", behindWriter, readWrite)]), [["A", "B"]]);
    assert.deepEqual(found([queue("1", [...readers, "C@3"], readWrite)]), []);
  });

  it("are none where an owner has a request that can be granted, and where a set holds all", () => {
    const circle = [queue("1", ["A@1", "B@4"]), queue("2", ["B@2", "A@3"])];
    assert.deepEqual(found([...circle, queue("3", ["-@5", "A@6"])]), []);
    const set = { set: "s1" };
    const waiting = [queue("1", [["A@1", set], "B@4"]), queue("2", ["B@2", ["A@1", set]])];
    // Sets are made in one revision, so such a queue cannot be; it shows that their places go together.
    assert.deepEqual(found(waiting), [["A", "B"]]);
    const other = [...waiting, queue("3", [["A@1", set]])];
    assert.deepEqual(found(other), [["A", "B"]]);
  });

  it("are not made by who only tries, unless he got the lock", () => {
    const tries = { trying: true } as const;
    assert.deepEqual(found([queue("1", [["A@1", tries], "B@4"]), queue("2", ["B@2", "A@3"])]), [
      ["A", "B"],
    ]);
    assert.deepEqual(found([queue("1", ["A@1", "B@4"]), queue("2", ["B@2", ["A@3", tries]])]), []);
  });

  it("are none for the sidecar that let a waiter in, though there are fewer permits now", () => {
    const queues = [queue("1", ["B@1", "A@2"], semaphore(1)), queue("2", ["A@3", "B@4"])];
    assert.deepEqual(found(queues), [["A", "B"]]);
    const admitted = ({ key }: Contender) => key === "locks/1/s-2";
    assert.deepEqual(found(queues, admitted), []);
  });

  it("are broken at the youngest of those that may be ended, whoever looks", () => {
    const [circle] = circlesOf(
      [queue("1", ["A@1", "B@4"]), queue("2", ["B@2", "C@4"]), queue("3", ["C@3", "A@5"])],
      nobody,
    );
    assert.ok(circle !== undefined);
    assert.equal(youngest(circle, () => true)?.owner, "A");
    const turned = { waits: circle.waits.toReversed() };
    assert.equal(youngest(turned, () => true)?.owner, "A");
    // Of one revision, the later key.
    for (const each of [circle, turned])
      assert.equal(youngest(each, ({ owner }) => owner !== "A")?.owner, "C");
    assert.equal(
      youngest(circle, () => false),
      undefined,
    );
  });

  it("are gone when all whose waits may be ended are ended, one after the other", () => {
    const owners = ["A", "B", "C", "D", "-"];
    const place = fc.record({
      lock: fc.integer({ min: 0, max: 3 }),
      owner: fc.constantFrom(...owners),
    });
    fc.assert(
      fc.property(fc.array(place, { minLength: 2, maxLength: 12 }), (places) => {
        let queues = [0, 1, 2, 3].map((lock) =>
          queue(
            String(lock),
            places.flatMap((one, at) =>
              one.lock === lock ? [`${one.owner}@${String(at + 1)}`] : [],
            ),
          ),
        );
        for (let rounds = 0; rounds <= places.length; rounds++) {
          const [circle] = circlesOf(queues, nobody);
          if (circle === undefined) return;
          const victim = youngest(circle, () => true)?.contender;
          assert.ok(victim !== undefined);
          for (const wait of circle.waits) {
            assert.notEqual(wait.owner, "-");
            assert.ok(wait.behind().every((owner) => ownersOf(circle).includes(owner)));
          }
          queues = queues.map((one) => ({
            ...one,
            contenders: one.contenders.filter((each) => each !== victim),
          }));
        }
        assert.fail("a circle is left");
      }),
    );
  });
});

/**
 * What every {@link Store} promises, exercised on the etcd that `make` brings: the model and real servers pass the same
 * tests, so the model cannot drift from what it stands for.
 */
import { exerciseFaults } from "./store/faults.ts";
import { exerciseFacts } from "./store/facts.ts";
import { exerciseLeases } from "./store/leases.ts";
import { exerciseReads } from "./store/reads.ts";
import { exerciseRevisions } from "./store/revisions.ts";
import { ToolMissing } from "#tools/fetch/etcd.ts";
import { allAbilities, Trial, type Etcd, type Exercise, type MakeEtcd } from "./store/trial.ts";
import { exerciseWatches } from "./store/watches.ts";
import { exerciseWrites } from "./store/writes.ts";

/** A lease must really end in some tests, and a real server takes half a second longer than its two. */
const testTimeoutMs = 30_000;

export function exerciseStore(name: string, make: MakeEtcd, can = allAbilities): void {
  describe(`the store of ${name}`, function () {
    this.timeout(testTimeoutMs);
    let etcd: Etcd | undefined;
    before(async function () {
      this.timeout(4 * testTimeoutMs);
      try {
        etcd = await make();
      } catch (error) {
        if (!(error instanceof ToolMissing)) throw error;
        console.error(`\n  !! The contract is NOT tested on ${name}: ${error.message}\n`);
        this.skip();
      }
    });
    after(async () => {
      await etcd?.[Symbol.asyncDispose]();
    });
    const exercise: Exercise = (sentence, body) =>
      it(sentence, async () => {
        if (etcd === undefined) throw new Error("the etcd was not started");
        await using trial = await Trial.start(etcd);
        await body(trial);
      });
    describe("a write", () => exerciseWrites(exercise));
    describe("facts", () => exerciseFacts(exercise));
    describe("revisions", () => exerciseRevisions(exercise));
    describe("a read", () => exerciseReads(exercise));
    describe("a watch", () => exerciseWatches(exercise, can));
    describe("leases", () => exerciseLeases(exercise));
    describe("a lost answer", () => exerciseFaults(exercise));
  });
}

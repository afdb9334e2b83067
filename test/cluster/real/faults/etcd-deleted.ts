/**
 * The only member of etcd is deleted while apps of several pods pass locks among each other. Some of their sessions live,
 * some end: that depends on how long etcd was away, and is told. What holds for all: nobody was told a lie.
 */
import assert from "node:assert/strict";
import { sessionOf } from "#test/support/app-record.ts";
import { until } from "#tools/cluster/until.ts";
import { system } from "../installation.ts";
import type { Place } from "../recording-app.ts";
import { assertNoLie, tell, type FaultStage } from "./stage.ts";

const namespace = "load";
const locks = ["1", "2", "3"];
/** The shortest does not outlive any restart, the longest outlives all. */
const sessionTtls = ["3s", "10s", "1m", "1m"];
const wanted = "wanted";
const etcdPod = "holdfast-etcd-0";

/** `alone`: what else runs on this cluster has ended. */
export async function etcdDeletedUnderLoad(
  stage: FaultStage,
  alone: Promise<unknown>,
): Promise<void> {
  const { made } = stage;
  await made.openNamespace(namespace);
  const places = sessionTtls.map((_, at) => ({ namespace, pod: `load-${at}` }));
  const start = (place: Place, at: number): Promise<void> =>
    stage.start(place, {
      ...{ locks, holdMs: 100, kept: [place.pod, wanted] },
      annotations: { "holdfast.dev/session-ttl": sessionTtls[at] ?? "" },
    });
  // The one whose session ends keeps what all others wait for.
  const [frail, ...others] = places as [Place, ...Place[]];
  await start(frail, 0);
  await stage.until(frail, "granted", { lock: wanted });
  await Promise.all(others.map((place, at) => start(place, at + 1)));
  await Promise.all(
    places.flatMap((place) => [
      stage.until(place, "released"),
      stage.until(place, "granted", { lock: place.pod }),
    ]),
  );
  await alone;
  const before = places.map((place) => latestSession(stage, place));
  await deleteEtcd(stage);
  // By the machine's clock, as the apps'.
  const backAt = Number(process.hrtime.bigint()) / 1e6;
  const after = await Promise.all(
    places.map(async (place) =>
      sessionOf((await stage.until(place, "granted", { after: backAt })).id ?? ""),
    ),
  );
  for (const [at, place] of places.entries())
    if (before[at] !== after[at]) await stage.until(place, "lost", { lock: place.pod });
  const got = (place: Place): boolean =>
    stage.lines(place).some(({ kind, lock }) => kind === "granted" && lock === wanted);
  if (before[0] !== after[0])
    await until("another one to have what that session kept", () =>
      Promise.resolve(others.some(got)),
    );
  const records = places.map((place) => stage.record(place));
  assertNoLie(records);

  const granted = records.flatMap(({ lines }) => lines.filter(({ kind }) => kind === "granted"));
  const lost = records.flatMap(({ lines }) => lines.filter(({ kind }) => kind === "lost"));
  const lived = before.filter((session, at) => session === after[at]);
  tell(
    `etcd's pod deleted under load: ${lived.length} of ${before.length} sessions lived (ttl ${sessionTtls.join(", ")}), ${granted.length} grants in all, ${lost.length} told lost`,
  );
  for (const { id = "", code, reason } of lost) {
    assert.deepEqual([code, reason], ["grant_lost", "sessionLost"]);
    assert.ok(!after.includes(sessionOf(id)), `${id} was told lost, and its session went on`);
  }
  // At least the lock that its pod kept.
  for (const [at, session] of before.entries())
    if (session !== after[at])
      assert.ok(
        lost.some(({ id = "" }) => sessionOf(id) === session),
        `nobody was told of the end of ${session}`,
      );
  await made.kubectl("delete", "namespace", namespace, "--wait=false");
}

function latestSession(stage: FaultStage, place: Place): string {
  const last = stage.lines(place).findLast(({ kind }) => kind === "granted");
  assert(last?.id !== undefined, place.pod);
  return sessionOf(last.id);
}

/** Until another pod of it is ready. */
async function deleteEtcd({ made }: FaultStage): Promise<void> {
  const own = (...args: readonly string[]): Promise<string> => made.kubectl(...args, "-n", system);
  const get = (jsonPath: string): Promise<string> =>
    own("get", "pod", etcdPod, "-o", `jsonpath=${jsonPath}`);
  const former = await get("{.metadata.uid}");
  await own("delete", "pod", etcdPod, "--wait=false");
  await until(
    "another pod of etcd to be ready",
    async () =>
      (await get("{.metadata.uid}")) !== former &&
      (await get('{.status.conditions[?(@.type=="Ready")].status}')) === "True",
    { withinMs: 120_000 },
  );
}

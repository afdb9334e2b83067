/**
 * One life of an app, as a process: it works beside its sidecar until it is asked to end (SIGTERM), then gives back what it
 * holds and ends. Killed, it says nothing more; its next life gives back what it held for the pod.
 */
import process from "node:process";
import { connect } from "#client/holdfast.ts";
import { check } from "#test/support/contract.ts";
import { HttpClient } from "#test/support/http-client.ts";
import { Chance } from "#test/support/world/chance.ts";
import { Recorder } from "../history/recorder.ts";
import { Desk } from "./desk.ts";
import { giveBack } from "./give-back.ts";
import { planVariable, type AppPlan } from "./plan.ts";
import { works } from "./works.ts";

const restBetween = { min: 30, max: 500 };

async function main(): Promise<void> {
  const plan = JSON.parse(process.env[planVariable] ?? "{}") as AppPlan;
  using record = new Recorder(plan.folder, plan.life);
  const stopping = new AbortController();
  process.once("SIGTERM", () => {
    stopping.abort(new Error("the app is to end"));
  });
  const clients = new Map(
    Object.entries(plan.sidecars).map(([pod, address]) => [pod, new HttpClient(address, check)]),
  );
  const apiOf = (pod: string): HttpClient => {
    const api = clients.get(pod);
    if (api === undefined) throw new Error(`there is no pod ${pod}`);
    return api;
  };
  await using client = connect({ url: `http://${plan.sidecar}`, onWarning: () => undefined });
  const { signal } = stopping;
  const chance = new Chance(`${plan.seed} ${plan.life}`);
  const desk = new Desk({ plan, client, chance, record, stopping: signal, apiOf });
  record.write({ kind: "begun" });
  console.log(JSON.stringify({ level: "info", message: "working" }));
  await giveBack(desk);
  const chosen = works.filter(({ name }) => plan.works?.includes(name) ?? true);
  const callers = chosen.flatMap((work) => Array.from({ length: work.callers }, () => work));
  await Promise.all(
    callers.map(async ({ name, round }) => {
      while (!signal.aborted) {
        await desk.rest(desk.between(restBetween));
        if (!signal.aborted) await round(desk, name);
      }
    }),
  );
  await giveBack(desk);
  record.write({ kind: "ended" });
}

await main();

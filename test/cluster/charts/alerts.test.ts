/** Each alert is fired by what it is for, is quiet before, and nothing is told where all is well: by Prometheus' own tool. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { seriesOf } from "#host/metrics.ts";
import { ToolMissing } from "#tools/fetch.ts";
import { fetchPromtool } from "#tools/fetch/promtool.ts";
import { alerts } from "#tools/generate/chart/alerts.ts";
import { operatorFamilies, sidecarFamilies } from "#tools/generate/metrics.ts";
import { calm, stories, unfired, type Story } from "./alert-stories.ts";
import { Helms, ofKind } from "./chart.ts";

const execute = promisify(execFile);

describe("the stories of alerts", () => {
  it("are one for each alert, at least, or a reason why there is none", () => {
    const told = new Set([...stories.map(({ alert }) => alert), ...Object.keys(unfired)]);
    assert.deepEqual([...told].sort(), alerts.map(({ name }) => name).sort());
  });

  it("tell of series as they are exported, with their labels", () => {
    const families = [...sidecarFamilies(), ...operatorFamilies()];
    const labelsOf = (series: string): readonly string[][] =>
      families
        .filter((family) => series.replace(/_bucket$/, "") === seriesOf(family))
        .map(({ names, kind }) => [...(names.labels ?? []), ...(kind === "histogram" ? ["le"] : [])]);
    const all = [calm(1), ...stories.map(({ series }) => series)].flatMap(Object.keys);
    const strange = all.filter((text) => {
      const [, name = "", inner = ""] = /^(\w+)\{(.*)\}$/.exec(text) ?? [];
      const given = [...inner.matchAll(/(\w+)="/g)].map(([, label]) => label);
      // The first two are those that Prometheus adds.
      return !labelsOf(name).some(
        (labels) => [...labels, "namespace", "pod"].sort().join() === given.sort().join(),
      );
    });
    assert.deepEqual([...new Set(strange)], []);
  });
});

describe("an alert", function () {
  this.timeout(120_000);
  const folder = mkdtempSync(path.join(tmpdir(), "holdfast-alerts-"));
  const rules = path.join(folder, "rules.yaml");
  const helms = new Helms();
  let promtool: string;
  let annotationsOf: ReadonlyMap<string, Readonly<Record<string, string>>>;
  let count = 0;

  before(async function () {
    try {
      promtool = await fetchPromtool();
    } catch (error) {
      if (!(error instanceof ToolMissing)) throw error;
      this.skip(); // told when the tools were brought
    }
    const [made] = ofKind(await helms.render("4", { "metrics.alerts.enabled": true }), "PrometheusRule");
    const spec = made?.["spec"] as {
      groups: { rules: { alert: string; annotations: Record<string, string> }[] }[];
    };
    writeFileSync(rules, stringify(spec));
    annotationsOf = new Map(
      spec.groups.flatMap((group) => group.rules.map((one) => [one.alert, one.annotations])),
    );
  });

  after(async () => {
    await helms[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** Fails with what promtool saw instead. */
  async function test(
    { series, every = "1m" }: Pick<Story, "series" | "every">,
    looks: readonly object[],
  ): Promise<void> {
    const file = path.join(folder, `story-${(count += 1)}.yaml`);
    const input = Object.entries(series).map(([name, values]) => ({ series: name, values }));
    const one = { interval: every, input_series: input, alert_rule_test: looks };
    const all = { rule_files: [rules], evaluation_interval: every, tests: [one] };
    writeFileSync(file, stringify(all));
    await execute(promtool, ["test", "rules", file]);
  }

  it("is a rule that Prometheus takes", async () => {
    await execute(promtool, ["check", "rules", rules]);
  });

  it("is quiet where all is well", async () => {
    const looks = ["1h", "4h"].flatMap((eval_time) =>
      alerts.map(({ name }) => ({ eval_time, alertname: name, exp_alerts: [] })),
    );
    await test({ series: calm(5 * 60) }, looks);
  });

  for (const story of stories) {
    const { alert, quietAt, firesAt, labels, summary } = story;
    it(`${alert} is told when ${story.when}`, async () => {
      const { severity } = alerts.find(({ name }) => name === alert)!;
      const fired = {
        exp_labels: { severity, ...labels },
        exp_annotations: { ...annotationsOf.get(alert), summary },
      };
      const look = { alertname: alert, eval_time: firesAt, exp_alerts: [fired] };
      const before = { alertname: alert, eval_time: quietAt, exp_alerts: [] };
      await test(story, quietAt === undefined ? [look] : [before, look]);
    });
  }
});

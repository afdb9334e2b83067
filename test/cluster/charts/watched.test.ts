/** Alerts and dashboard name metrics that are exported, and alerts lead to paragraphs that are there. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { seriesOf } from "#host/metrics.ts";
import { operatorFamilies, sidecarFamilies } from "#tools/generate/metrics.ts";
import { anchorsOf } from "../../house/support/markdown.ts";
import { Helms, namespace, ofKind } from "./chart.ts";
import { metricsIn } from "./promql.ts";

const exported = new Set(
  [...sidecarFamilies(), ...operatorFamilies()].flatMap((family) => {
    const series = seriesOf(family);
    return family.kind === "histogram"
      ? ["bucket", "count", "sum"].map((part) => `${series}_${part}`)
      : [series];
  }),
);

describe("the names of metrics in a query", () => {
  it("are found, and nothing else", () => {
    const query =
      'sum by (pool, le) (rate(a_total{b=~"c_total",d="e"}[5m] offset 1h)) / on (x) group_left (y) count_values without (z) ("v", w_info) > bool 1.5e3 and absent(up_sum == 1) or histogram_quantile(0.99, q_bucket[$__rate_interval])';
    assert.deepEqual(metricsIn(query), ["a_total", "w_info", "up_sum", "q_bucket"]);
  });
});

describe("what is watched", function () {
  this.timeout(60_000);
  const helms = new Helms();
  after(() => helms[Symbol.asyncDispose]());

  const unknown = (queries: readonly string[]): string[] => {
    const names = queries.flatMap(metricsIn);
    assert.ok(names.length >= queries.length, "a query without a metric");
    return names.filter((name) => !exported.has(name));
  };

  it("by alerts is exported, and each alert has its paragraph", async () => {
    const runbookUrl = "https://runbooks.example/alerts.md";
    const sets = { "metrics.alerts": { enabled: true, runbookUrl } };
    const [made] = ofKind(await helms.render("4", sets), "PrometheusRule");
    const { groups } = made?.["spec"] as {
      groups: {
        rules: { alert: string; expr: string; annotations: { runbook_url: string } }[];
      }[];
    };
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length > 5);
    assert.deepEqual(unknown(rules.map(({ expr }) => expr)), []);
    const anchors = anchorsOf(readFileSync("docs/operations/alerts.md", "utf8"));
    for (const { alert, expr, annotations } of rules) {
      const [page, anchor = ""] = annotations.runbook_url.split("#");
      assert.equal(page, runbookUrl);
      assert.ok(anchors.has(anchor), alert);
      assert.ok(!expr.includes("NAMESPACE"), alert);
    }
    assert.ok(rules.some(({ expr }) => expr.includes(`namespace="${namespace}"`)));
  });

  it("on the dashboard is exported", async () => {
    const made = ofKind(await helms.render("4", { "metrics.dashboard.enabled": true }), "ConfigMap");
    const { "holdfast.json": text = "" } = made[0]?.["data"] as Record<string, string>;
    const { panels } = JSON.parse(text) as { panels: { targets?: { expr: string }[] }[] };
    const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    assert.ok(queries.length > 10);
    assert.deepEqual(unknown(queries), []);
  });

  it("by monitors is a port that pods have", async () => {
    const sets = { "metrics.serviceMonitor.enabled": true, "metrics.podMonitor.enabled": true };
    const documents = await helms.render("4", sets);
    const [monitor] = ofKind(documents, "ServiceMonitor");
    const { selector, endpoints } = monitor?.["spec"] as {
      selector: { matchLabels: Record<string, string> };
      endpoints: { port: string }[];
    };
    const services = ofKind(documents, "Service").filter(({ metadata }) =>
      Object.entries(selector.matchLabels).every(([key, value]) => metadata.labels?.[key] === value),
    );
    assert.equal(services.length, 1);
    const { ports } = services[0]?.["spec"] as { ports: { name: string }[] };
    assert.deepEqual(
      endpoints.map(({ port }) => port),
      ports.map(({ name }) => name),
    );
    const { podMetricsEndpoints } = ofKind(documents, "PodMonitor")[0]?.["spec"] as {
      podMetricsEndpoints: { port: string }[];
    };
    assert.deepEqual(podMetricsEndpoints[0]?.port, "holdfast-health");
  });

  it("by the values for production is what can be made", () => {
    const values = parse(readFileSync("charts/holdfast/values-ha.yaml", "utf8")) as object;
    assert.ok("metrics" in values);
  });
});

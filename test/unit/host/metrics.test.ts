import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Metrics } from "#host/metrics.ts";

function rendered(metrics: Metrics): string {
  return metrics.render((family, error) => {
    throw new Error(family, { cause: error });
  });
}

describe("metrics", () => {
  it("are OpenMetrics text that ends with its mark", () => {
    const metrics = new Metrics();
    const requests = metrics.counters({
      name: "holdfast_requests",
      help: "Requests.",
      labels: ["operation"],
    });
    requests("acquire").add();
    requests("acquire").add(2);
    metrics.gauges({ name: "holdfast_age_seconds", help: "Age.", unit: "seconds" })().set(1.5);
    const text = rendered(metrics);
    assert.ok(
      text.includes(
        '# TYPE holdfast_requests counter\n# HELP holdfast_requests Requests.\nholdfast_requests_total{operation="acquire"} 3\n',
      ),
    );
    assert.ok(text.includes("# UNIT holdfast_age_seconds seconds\n"));
    assert.ok(text.includes("\nholdfast_age_seconds 1.5\n"));
    assert.ok(text.endsWith("\n# EOF\n"));
  });

  it("escape what stands in labels and help", () => {
    const metrics = new Metrics();
    metrics
      .counters({ name: "odd", help: 'a\\b\n"c"', labels: ["name"] })('x"\\\ny')
      .add();
    const text = rendered(metrics);
    assert.ok(text.includes('odd_total{name="x\\"\\\\\\ny"} 1'));
    assert.ok(text.includes('# HELP odd a\\\\b\\n\\"c\\"'));
  });

  it("count a histogram's buckets from below, up to infinity", () => {
    const metrics = new Metrics();
    const took = metrics.histograms(
      { name: "took_seconds", help: "T.", unit: "seconds" },
      [0.1, 1],
    );
    for (const value of [0.05, 0.1, 0.5, 3]) took().observe(value);
    const text = rendered(metrics);
    assert.ok(
      text.includes(
        'took_seconds_bucket{le="0.1"} 2\ntook_seconds_bucket{le="1.0"} 3\ntook_seconds_bucket{le="+Inf"} 4\n',
      ),
    );
    assert.ok(text.includes("took_seconds_count 4\n"));
  });

  it("read at each scrape what others keep", () => {
    const metrics = new Metrics();
    let held = 1;
    metrics.read("gauge", { name: "held", help: "H.", labels: ["pool"] }, () => [
      { labels: ["orders"], value: held },
    ]);
    metrics.read("info", { name: "build", help: "B.", labels: ["version"] }, () => [
      { labels: ["1"], value: 1 },
    ]);
    assert.ok(rendered(metrics).includes('held{pool="orders"} 1'));
    assert.ok(rendered(metrics).includes('build_info{version="1"} 1'));
    held = 2;
    assert.ok(rendered(metrics).includes('held{pool="orders"} 2'));
  });

  it("go on without a family whose reader throws", () => {
    const metrics = new Metrics();
    metrics.read("gauge", { name: "broken", help: "B." }, () => {
      throw new Error("no");
    });
    metrics.gauges({ name: "fine", help: "F." })().set(1);
    const failed: string[] = [];
    const text = metrics.render((family) => failed.push(family));
    assert.deepEqual(failed, ["broken"]);
    assert.ok(text.includes("fine 1") && !text.includes("broken"));
  });

  it("bound the series of a family and count what was left out", () => {
    const metrics = new Metrics();
    const cells = metrics.counters({ name: "many", help: "M.", labels: ["n"] });
    for (let i = 0; i < 2_010; i++) cells(String(i)).add();
    const text = rendered(metrics);
    assert.equal(text.split("\n").filter((line) => line.startsWith("many_total")).length, 2_000);
    assert.ok(text.includes("holdfast_metrics_dropped_series_total 10"));
  });
});

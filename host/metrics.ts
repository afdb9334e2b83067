/**
 * Metrics as OpenMetrics 1.0 text. A family is declared once with its labels; a cell of it is one time series, to be
 * kept by whoever counts, so that counting is one addition.
 */
import { assert } from "#core/refusal.ts";

export const metricsContentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** Series of one family; what would be more is left out and counted, since labels must not grow with users' names. */
const seriesMax = 2_000;

export interface FamilyNames {
  /** Without `_total`; ends with the unit where there is one. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
  readonly unit?: string;
}

export interface Counter {
  add(count?: number): void;
}

export interface Gauge {
  set(value: number): void;
}

export interface Histogram {
  observe(value: number): void;
}

export interface Sample {
  readonly labels?: readonly string[];
  readonly value: number;
}

type Kind = "counter" | "gauge" | "histogram" | "info";

/** What a family is, without its values. */
export interface FamilyFacts {
  readonly names: FamilyNames;
  readonly kind: Kind;
}

/** Its series, as a query names them; a histogram has three below that. */
export function seriesOf({ names: { name }, kind }: FamilyFacts): string {
  return `${name}${{ counter: "_total", info: "_info", gauge: "", histogram: "" }[kind]}`;
}

interface Family extends FamilyFacts {
  /** Lines of all series, each without its line end. */
  lines(): string[];
}

export class Metrics {
  readonly #families = new Map<string, Family>();
  readonly #dropped = this.counters({
    name: "holdfast_metrics_dropped_series",
    help: "Series left out because their family is at its bound.",
  });

  /** Cells by label values; the same values give the same cell. */
  counters(names: FamilyNames): (...labels: string[]) => Counter {
    return this.#cells(names, "counter", () => new Sum());
  }

  gauges(names: FamilyNames): (...labels: string[]) => Gauge {
    return this.#cells(names, "gauge", () => new Last());
  }

  /** `bounds`: upper bounds of the buckets, rising, without infinity. */
  histograms(names: FamilyNames, bounds: readonly number[]): (...labels: string[]) => Histogram {
    assert(
      bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] ?? 0)),
      `bounds of ${names.name} rise`,
    );
    return this.#cells(names, "histogram", () => new Buckets(bounds));
  }

  /** Values that somebody else keeps, read at each scrape. A counter's must never fall. */
  read(
    kind: "counter" | "gauge" | "info",
    names: FamilyNames,
    samples: () => Iterable<Sample>,
  ): void {
    const series = seriesOf({ names, kind });
    this.#declare({
      names,
      kind,
      lines: () =>
        [...samples()]
          .slice(0, seriesMax)
          .map(
            (sample) => `${series}${labelText(names, sample.labels ?? [])} ${number(sample.value)}`,
          ),
    });
  }

  /** All that are declared, in that order. */
  families(): readonly FamilyFacts[] {
    return [...this.#families.values()];
  }

  /** The whole exposition. A reader that throws costs its own family only, and is told to `failed`. */
  render(failed: (family: string, error: unknown) => void): string {
    const parts: string[] = [];
    for (const family of this.#families.values()) {
      const { name, help, unit } = family.names;
      try {
        const lines = family.lines();
        parts.push(`# TYPE ${name} ${family.kind}`);
        if (unit !== undefined) parts.push(`# UNIT ${name} ${unit}`);
        parts.push(`# HELP ${name} ${escape(help)}`, ...lines);
      } catch (error) {
        failed(name, error);
      }
    }
    return `${parts.join("\n")}\n# EOF\n`;
  }

  #cells<C extends Cell>(
    names: FamilyNames,
    kind: Kind,
    make: () => C,
  ): (...labels: string[]) => C {
    const cells = new Map<string, { readonly labels: readonly string[]; readonly cell: C }>();
    this.#declare({
      names,
      kind,
      lines: () => [...cells.values()].flatMap(({ labels, cell }) => cell.lines(names, labels)),
    });
    return (...labels) => {
      const key = labels.join("\u0000");
      const found = cells.get(key);
      if (found !== undefined) return found.cell;
      assert(labels.length === (names.labels ?? []).length, `${names.name} got one value a label`);
      const cell = make();
      if (cells.size < seriesMax) cells.set(key, { labels, cell });
      else this.#dropped().add();
      return cell;
    };
  }

  #declare(family: Family): void {
    const { name, unit, labels = [] } = family.names;
    assert(
      /^[a-z][a-z0-9_]*$/.test(name) && !name.endsWith("_total"),
      `${name} is a family's name`,
    );
    assert(unit === undefined || name.endsWith(`_${unit}`), `${name} ends with its unit`);
    assert(
      labels.every((label) => /^[a-z][a-z0-9_]*$/.test(label)),
      `labels of ${name} are names`,
    );
    assert(!this.#families.has(name), `${name} is declared once`);
    this.#families.set(name, family);
  }
}

interface Cell {
  lines(names: FamilyNames, labels: readonly string[]): string[];
}

class Sum implements Cell, Counter {
  #sum = 0;

  add(count = 1): void {
    this.#sum += count;
  }

  lines(names: FamilyNames, labels: readonly string[]): string[] {
    return [`${names.name}_total${labelText(names, labels)} ${number(this.#sum)}`];
  }
}

class Last implements Cell, Gauge {
  #value = 0;

  set(value: number): void {
    this.#value = value;
  }

  lines(names: FamilyNames, labels: readonly string[]): string[] {
    return [`${names.name}${labelText(names, labels)} ${number(this.#value)}`];
  }
}

class Buckets implements Cell, Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #count = 0;
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#count++;
    this.#sum += value;
    for (let i = 0; i < this.#bounds.length; i++) {
      if (value <= (this.#bounds[i] ?? 0)) {
        this.#counts[i] = (this.#counts[i] ?? 0) + 1;
        return;
      }
    }
  }

  lines(names: FamilyNames, labels: readonly string[]): string[] {
    let below = 0;
    const lines = this.#bounds.map((bound, i) => {
      below += this.#counts[i] ?? 0;
      return `${names.name}_bucket${labelText(names, labels, decimal(bound))} ${number(below)}`;
    });
    const text = labelText(names, labels);
    lines.push(`${names.name}_bucket${labelText(names, labels, "+Inf")} ${number(this.#count)}`);
    lines.push(
      `${names.name}_count${text} ${number(this.#count)}`,
      `${names.name}_sum${text} ${number(this.#sum)}`,
    );
    return lines;
  }
}

function labelText(names: FamilyNames, values: readonly string[], le?: string): string {
  const parts = (names.labels ?? []).map((label, i) => `${label}="${escape(values[i] ?? "")}"`);
  if (le !== undefined) parts.push(`le="${le}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function number(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}

/** Bounds of buckets are written as decimals with a point, so that every scraper sees the same series. */
function decimal(bound: number): string {
  return Number.isInteger(bound) ? `${String(bound)}.0` : String(bound);
}

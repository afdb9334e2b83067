/** What the project promises itself, beside what was found. By the medians. */
import type { Compared, Ratios } from "./compare.ts";
import { comparisons, type Budget, type Comparison } from "./comparisons.ts";
import type { SidecarSize } from "./sidecar-size.ts";

const idleRssMibMax = 60;
const readyMsMax = 250;

export interface Verdict {
  readonly budget: string;
  readonly found: string;
  readonly kept: boolean;
}

export function verdicts(compared: readonly Compared[], size: SidecarSize | undefined): Verdict[] {
  const ofComparisons = compared.flatMap((one) => {
    const comparison = comparisons.find(({ title }) => title === one.title);
    return comparison === undefined ? [] : ofComparison(comparison, one);
  });
  return size === undefined ? ofComparisons : [...ofComparisons, ...ofSize(size)];
}

function ofComparison({ title, sides, budgets }: Comparison, { levels }: Compared): Verdict[] {
  const most = levels.toSorted((one, other) => other.callers - one.callers)[0];
  return budgets.flatMap((budget) => {
    const ratios = most?.ratios.find(({ over }) => over === budget.over);
    if (most === undefined || ratios === undefined) return [];
    const { said, found, kept } = judged(budget, ratios);
    const who = `${title}, ${most.callers} callers: ${sides[0]}`;
    return [{ budget: `${who} ${said}`, found, kept }];
  });
}

function judged({ what, over, bound }: Budget, { speed, etcdCpu, p90Ms }: Ratios) {
  switch (what) {
    case "speed": {
      const { median } = speed;
      return {
        said: `≥ ${bound} × ${over}`,
        found: `${median.toFixed(2)} ×`,
        kept: median >= bound,
      };
    }
    case "etcdCpu": {
      const median = etcdCpu?.median ?? Number.NaN;
      return {
        said: `≤ ${bound} × the CPU that etcd spends for ${over}`,
        found: `${median.toFixed(2)} ×`,
        kept: median <= bound,
      };
    }
    case "p90Ms": {
      const { median } = p90Ms;
      return {
        said: `p90 ≤ ${over} + ${bound} ms`,
        found: `${median < 0 ? "−" : "+"}${Math.abs(median).toFixed(2)} ms`,
        kept: median <= bound,
      };
    }
    default:
      return what satisfies never;
  }
}

function ofSize({ idleRssMib, readyMs }: SidecarSize): Verdict[] {
  return [
    {
      budget: `idle RSS of the sidecar ≤ ${idleRssMibMax} MiB`,
      found: `${idleRssMib.median.toFixed(1)} MiB`,
      kept: idleRssMib.median <= idleRssMibMax,
    },
    {
      budget: `ready ≤ ${readyMsMax} ms after the start`,
      found: `${readyMs.median.toFixed(0)} ms`,
      kept: readyMs.median <= readyMsMax,
    },
  ];
}

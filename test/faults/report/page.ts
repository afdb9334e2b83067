/** A run as one page of HTML that needs nothing else: what is wrong first, with the lines that show it, then figures, then the picture. */
import type { Violation } from "../checks/violation.ts";
import { promisedMs } from "../checks/served.ts";
import type { History } from "../history/history.ts";
import { escaped } from "./escaped.ts";
import { shownBy } from "./lines.ts";
import type { Summary } from "./summary.ts";
import { timeline, type Window } from "./timeline.ts";

/** More would be too much for a browser: then a part is shown. */
const attemptsMax = 25_000;
const violationsMax = 100;
/** Before what is wrong, where only a part is shown. */
const beforeMs = 30_000;

export function page(history: History, violations: readonly Violation[], summary: Summary): string {
  const window = windowOf(history, violations);
  const { labels, chart } = timeline(history, violations, window);
  const part =
    window.untilMs - window.fromMs < history.endMs
      ? `<p>Only ${secondsOf(window.fromMs)} to ${secondsOf(window.untilMs)} of the run are drawn.</p>`
      : "";
  const { seed, members, pods } = summary;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Faults, seed ${escaped(seed)}, etcd of ${members}</title><style>${style}</style></head><body>
<h1>${pods} pods on an etcd of ${members}, seed ${escaped(seed)}: ${summary.seconds} s, ${violations.length === 0 ? "nothing wrong" : `<span class="bad">${violations.length} violations</span>`}</h1>
${listOf(history, violations)}
<h2>Figures</h2>${figures(summary)}
<h2>Timeline</h2>
<p>${legend}</p>${part}
<div class="timeline"><div>${labels}</div><div class="chart">${chart}</div></div>
</body></html>
`;
}

function windowOf({ attempts, endMs }: History, [first]: readonly Violation[]): Window {
  if (attempts.length <= attemptsMax) return { fromMs: 0, untilMs: endMs };
  const fromMs = Math.max(0, (first?.atMs ?? 0) - beforeMs);
  const shown = attempts.filter(({ askedMs }) => askedMs >= fromMs);
  return { fromMs, untilMs: shown[attemptsMax]?.askedMs ?? endMs };
}

function listOf(history: History, violations: readonly Violation[]): string {
  if (violations.length === 0) return "";
  const items = violations.slice(0, violationsMax).map(({ rule, what, ops }, at) => {
    const lines = shownBy(history, ops).map(escaped).join("\n");
    return `<li><b>${escaped(rule)}</b> <a href="#at${at + 1}">${escaped(what)}</a><pre>${lines}</pre></li>`;
  });
  return `<h2>What is wrong</h2><ol>${items.join("\n")}</ol>`;
}

function figures({ outcomes, refusals, faults, waits, ...rest }: Summary): string {
  const { judged, late, longestIdleMs } = waits;
  const rows: [string, string][] = [
    ["asked", `${rest.asked}: ${told(outcomes)}`],
    ["refused, by code", told(refusals)],
    ["grants", `${rest.grants}, of which ${rest.lost} were lost`],
    ["faults", told(faults)],
    ["looks at locks", String(rest.looks)],
    [
      "waits that no fault overlapped",
      `${judged}; ${late} of them longer than others held the lock meanwhile and ${promisedMs / 1_000} s; the longest part of one in which nobody held it: ${longestIdleMs} ms`,
    ],
  ];
  return `<table>${rows.map(([name, value]) => `<tr><th>${name}</th><td>${escaped(value)}</td></tr>`).join("")}</table>`;
}

function told(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

function secondsOf(ms: number): string {
  return `${(ms / 1_000).toFixed(0)} s`;
}

const legend = `A line is a wait (<span class="k vain">orange</span>: in vain), a bar a grant: <span class="k exclusive">exclusive</span> (or permits), <span class="k shared">shared</span>, <span class="k lost">lost</span>; pale behind it the guarantee that still ran, of what nobody gave back. Shaded: a fault of <span class="k fault">the pod</span>, of <span class="k etcd">etcd</span>. Red: what is wrong. Rest the pointer on anything to read it; the times are seconds from the begin.`;

const style = `
body{font:14px/1.45 system-ui,sans-serif;margin:1.5em;color:#1b2430;background:#fff}
h1{font-size:1.35em}h2{font-size:1.1em;margin-top:1.6em}.bad{color:#c6001a}
table{border-collapse:collapse}th{text-align:left;vertical-align:top;padding:.15em 1em .15em 0;font-weight:600}td{padding:.15em 0}
pre{background:#f5f6f8;padding:.6em;overflow-x:auto;font-size:12px}
.timeline{display:flex;border:1px solid #d5dae1}.chart{overflow-x:auto;flex:1}
svg{display:block;font:9px system-ui,sans-serif}.lock{font-size:11px;font-weight:600}.pod,.time{fill:#667}.cause{font-size:9px}
.tick{stroke:#eceff3}.wait{stroke:#8b95a3;stroke-width:1.2}.wait.vain{stroke:#e08a00}
.exclusive{fill:#2f6fb5}.shared{fill:#2f9b72}.lost{fill:#8659b3}.guarantee{fill:#b9c9dd}.fence{fill:#fff;font-size:7px}
rect.fault{fill:#e0a80033}rect.etcd{fill:#7a869a1f}rect.cause{fill:#e0a80088}
.violation line{stroke:#e3001b;stroke-width:1.2}.guilty{stroke:#e3001b !important;stroke-width:2 !important}
.k{padding:0 .35em;border-radius:3px;color:#fff}.k.vain{background:#e08a00}.k.exclusive{background:#2f6fb5}.k.shared{background:#2f9b72}.k.lost{background:#8659b3}.k.fault{background:#e0a80066;color:inherit}.k.etcd{background:#7a869a44;color:inherit}
`;

/** What stands in a /metrics page. */
import type { HttpClient } from "./http-client.ts";

interface Scraped {
  readonly health: HttpClient;
}

/** The value of a series, labels and all; undefined: there is none. */
export function valueIn(text: string, series: string): number | undefined {
  const line = text.split("\n").find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

export async function metricOf({ health }: Scraped, series: string): Promise<number | undefined> {
  return valueIn((await health.get("/metrics")).text, series);
}

/** `holdfast_build: info`, one for each family, sorted. */
export async function familiesOf({ health }: Scraped): Promise<string[]> {
  const { text } = await health.get("/metrics");
  return [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    .map(([, name = "", kind = ""]) => `${name}: ${kind}`)
    .sort();
}

import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parse, stringify } from "yaml";
import { settingNames, annotationOf } from "#operator/injection/annotations.ts";
import { inject, type Injection, type Injector } from "#operator/injection/inject.ts";
import type { NamespaceFacts, Pod } from "#operator/injection/pod.ts";
import { refusals, skips } from "#operator/injection/reasons.ts";
import { applied } from "./json-patch.ts";
import * as usual from "./support.ts";

interface Fixture {
  readonly about: string;
  /** What differs from the usual one of support.ts; null: it has none. */
  readonly injector?: { readonly [Key in keyof Injector]?: Injector[Key] | null };
  readonly namespace?: Partial<NamespaceFacts>;
  readonly pod: Pod;
  /** What another webhook does after the first call; then there is a second one. */
  readonly between?: Parameters<typeof applied>[1];
  readonly result: Pod | { readonly reason: string; readonly message: string };
}

const folder = path.join(import.meta.dirname, "golden");
const update = process.env["UPDATE"] === "1";
/** Of the server alone, which knows no namespace then, so that there is nothing to give to `inject`. */
const ofTheServer = ["NamespaceUnknown"];

const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

describe("golden pods", () => {
  for (const file of files) {
    it(`${path.basename(file, ".yaml")} comes out as it is written`, () => {
      const fixture = read(file);
      const result = resultOf(fixture);
      if (update) write(file, { ...fixture, result });
      else assert.deepEqual(result, fixture.result, "Review the difference; UPDATE=1 writes it.");
    });
  }

  it("show each reason to skip or to refuse, and no other", () => {
    const shown = new Set(files.map((file) => read(file).result).flatMap(reasonOf));
    const all = [...Object.keys(skips), ...Object.keys(refusals)];
    assert.deepEqual(
      [...shown].sort(),
      all.filter((reason) => !ofTheServer.includes(reason)).sort(),
    );
  });

  it("show each annotation in a pod that gets its sidecar", () => {
    const shown = files
      .map(read)
      .filter(({ result }) => !("reason" in result))
      .flatMap(({ pod }) => {
        const { annotations } = pod["metadata"] as { annotations?: object | null };
        return Object.keys(annotations ?? {});
      });
    const missing = settingNames.map(annotationOf).filter((name) => !shown.includes(name));
    assert.deepEqual(missing, []);
  });
});

function resultOf(fixture: Fixture): Fixture["result"] {
  const { pod, between } = fixture;
  const first = injected(fixture, pod);
  if (between === undefined) return shownOf(pod, first);
  assert.equal(first.kind, "patched", "Only what was patched comes again.");
  const again = applied(applied(pod, first.kind === "patched" ? first.patch : []), between);
  return shownOf(again, injected(fixture, again));
}

function injected({ namespace, injector = {} }: Fixture, pod: Pod): Injection {
  const differs = Object.entries(injector).map(([key, value]) => [key, value ?? undefined]);
  return inject({
    pod,
    namespace: { ...usual.namespace, ...namespace },
    injector: { ...usual.injector, ...(Object.fromEntries(differs) as Partial<Injector>) },
  });
}

function shownOf(pod: Pod, injection: Injection): Fixture["result"] {
  if (injection.kind === "patched") return applied(pod, injection.patch);
  const { reason, message } = injection;
  return { reason, message };
}

function reasonOf(result: Fixture["result"]): string[] {
  return "reason" in result ? [String(result["reason"])] : [];
}

function read(file: string): Fixture {
  return parse(readFileSync(path.join(folder, file), "utf8")) as Fixture;
}

function write(file: string, fixture: Fixture): void {
  const text = stringify(fixture, { lineWidth: 120, aliasDuplicateObjects: false });
  writeFileSync(path.join(folder, file), text);
}

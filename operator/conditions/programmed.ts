/** Whether what the spec says is written to etcd. Laggards among the sidecars never make it false. */
import { named, type Coverage } from "./coverage.ts";
import type { BackendView } from "./backend-reachable.ts";
import type { Condition } from "./condition.ts";

export interface ProgrammedInputs {
  readonly accepted: boolean;
  readonly backend: BackendView;
  /** `same`: it is this resource's, of this generation. Undefined: there is none; "unknown": etcd was not read yet. */
  readonly record: { readonly same: boolean; readonly generation: number } | undefined | "unknown";
  /** Grants of a former resource of that name are left, and their mode may be another. */
  readonly oldGrants: boolean;
  readonly coverage: Coverage;
}

export function programmed(inputs: ProgrammedInputs): Condition<"Programmed"> {
  const { accepted, record, oldGrants, coverage } = inputs;
  const type = "Programmed";
  if (!accepted) {
    const message = inForce(record);
    return { type, status: "False", reason: "NotAccepted", message };
  }
  if (record === "unknown") {
    const message = `it is not known yet what is published: ${waitsFor(inputs.backend)}`;
    return { type, status: "Unknown", reason: "Publishing", message };
  }
  if (record?.same === true)
    return { type, status: "True", reason: "Published", message: spread(coverage) };
  if (oldGrants) {
    const message =
      "grants of the former resource of this name are left, perhaps of another mode; it is published when the last of them has ended";
    return { type, status: "False", reason: "OldGrants", message };
  }
  const message = `${inForce(record)}; ${waitsFor(inputs.backend)}`;
  return { type, status: "False", reason: "Publishing", message };
}

function inForce(record: ProgrammedInputs["record"]): string {
  if (record === "unknown") return "nothing of this generation is published";
  if (record === undefined) return "nothing is published";
  return `generation ${record.generation} stays in force, this one is not published`;
}

function waitsFor(backend: BackendView): string {
  return backend.kind === "reachable" ? "it is being published" : "the operator waits for etcd";
}

/** "applied by 2 of 4 sidecars; not yet by a; too old for it: b" */
function spread({ sidecars, applied, behind, tooOld }: Coverage): string {
  const parts = [`applied by ${applied} of ${sidecars} sidecars`];
  if (behind.length > 0) parts.push(`not yet by ${named(behind)}`);
  if (tooOld.length > 0) parts.push(`too old for it, to be restarted: ${named(tooOld)}`);
  return parts.join("; ");
}

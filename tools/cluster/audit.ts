/** What users asked of the API server, as it wrote down itself: what was asked, and the code of the answer; a watch also at its end. */
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

/** Of a request, as the API server judged it. */
export interface AuditedRequest {
  readonly verb: string;
  readonly code: number;
  readonly group: string;
  /** With its subresource: `backends/status`. */
  readonly resource: string;
  /** Empty: none, or all. */
  readonly namespace: string;
  readonly name: string;
}

interface AuditEvent {
  readonly verb: string;
  readonly responseStatus?: { readonly code?: number };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
}

const policyFile = (folder: string): string => path.join(folder, "audit-policy.json");
const logFile = (folder: string): string => path.join(folder, "logs", "audit.log");

export async function writeAuditPolicy(folder: string, users: readonly string[]): Promise<void> {
  const policy = {
    apiVersion: "audit.k8s.io/v1",
    kind: "Policy",
    // Of a watch, its beginning: its end may come after the test's.
    omitStages: ["RequestReceived"],
    rules: [{ level: "Metadata", users }, { level: "None" }],
  };
  await writeFile(policyFile(folder), JSON.stringify(policy));
}

export function auditArgs(folder: string): string[] {
  return [`--audit-policy-file=${policyFile(folder)}`, `--audit-log-path=${logFile(folder)}`];
}

export async function readAudit(folder: string): Promise<AuditedRequest[]> {
  const lines = (await readFile(logFile(folder), "utf8")).split("\n");
  // The last one may be half written.
  return lines.slice(0, -1).flatMap((line) => {
    const { verb, responseStatus, objectRef } = JSON.parse(line) as AuditEvent;
    if (objectRef?.resource === undefined) return [];
    const { apiGroup = "", resource, subresource, namespace = "", name = "" } = objectRef;
    return {
      ...{ verb, code: responseStatus?.code ?? 0, group: apiGroup, namespace, name },
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
    };
  });
}

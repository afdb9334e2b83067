/**
 * The identity as a file of the state folder, so that a container that is started again needs nobody: key, certificate and
 * what they are for in one file, replaced as a whole, so that no key ever stands beside another one's certificate.
 */
import path from "node:path";
import { objectOf, numberOf, textOf } from "#core/json.ts";
import { readFile, rename, rm, writeFile } from "../resources/file-calls.ts";
import { readAnswer, type Access } from "./answer.ts";

const fileName = "identity.json";
/** The key is in it. */
const mode = 0o600;
const bytesMax = 512 * 1024;

export interface Kept {
  /** As it came. */
  readonly answer: unknown;
  /** PKCS #8, PEM. */
  readonly key: string;
  /** Wall clock. */
  readonly sinceMs: number;
}

export type KeptRead =
  | { readonly kind: "none" }
  | { readonly kind: "unusable"; readonly problem: string }
  | { readonly kind: "read"; readonly access: Access; readonly sinceMs: number };

export async function readKept(folder: string, namespace: string): Promise<KeptRead> {
  let text: string;
  try {
    const bytes = await readFile(path.join(folder, fileName));
    if (bytes.length > bytesMax) return { kind: "unusable", problem: "it is too large" };
    text = bytes.toString();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== "string") throw error;
    return code === "ENOENT" ? { kind: "none" } : { kind: "unusable", problem: code };
  }
  const kept = parse(text);
  const key = textOf(kept["key"]);
  const sinceMs = numberOf(kept["sinceMs"]);
  if (key === undefined || sinceMs === undefined)
    return { kind: "unusable", problem: "it is none of ours" };
  const read = await readAnswer(kept["answer"], { namespace, key });
  return read.kind === "read" ? { ...read, sinceMs } : read;
}

/** Throws what the file system says. */
export async function keep(folder: string, kept: Kept): Promise<void> {
  const file = path.join(folder, fileName);
  const beside = `${file}.new`;
  await rm(beside, { force: true });
  await writeFile(beside, Buffer.from(JSON.stringify(kept)), { mode, flag: "wx", flush: true });
  await rename(beside, file);
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return objectOf(JSON.parse(text)) ?? {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

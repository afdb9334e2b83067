/**
 * Makes the codec of etcd's messages from the .proto files that etcd publishes in its Go module.
 *
 * What is changed on the way: services and what only the JSON gateway reads are cut; and keys are declared `string`
 * instead of `bytes`. Both are the same on the wire, and our keys are printable ASCII, which the runtime writes and
 * reads without a copy. Everything that the messages below do not need is left out.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { format } from "prettier";

const run = promisify(execFile);

const apiModule = "go.etcd.io/etcd/api/v3@v3.7.3";
const protoFiles = ["mvccpb/kv.proto", "authpb/auth.proto", "etcdserverpb/rpc.proto"];

/** What we say and hear; what these refer to comes along. */
const messages = [
  ...["TxnRequest", "TxnResponse", "WatchRequest", "WatchResponse"],
  ...["LeaseGrantRequest", "LeaseGrantResponse", "LeaseRevokeRequest", "LeaseRevokeResponse"],
  ...["LeaseKeepAliveRequest", "LeaseKeepAliveResponse"],
  ...["LeaseTimeToLiveRequest", "LeaseTimeToLiveResponse"],
  ...["AuthenticateRequest", "AuthenticateResponse"],
  ...["StatusRequest", "StatusResponse", "AlarmRequest", "AlarmResponse"],
  ...["CompactionRequest", "CompactionResponse", "DefragmentRequest", "DefragmentResponse"],
].map((name) => `etcdserverpb.${name}`);

const codecOptions = [
  "forceLong=bigint",
  "enumsAsLiterals=true",
  "oneof=unions-value",
  "importSuffix=.ts",
  "outputServices=none",
  "outputClientImpl=false",
  "outputJsonMethods=false",
  "outputPartialMethods=false",
  "exportCommonSymbols=false",
  "unrecognizedEnum=false",
  "useReadonlyTypes=true",
  "annotateFilesWithVersion=false",
  "esModuleInterop=true",
  "comments=false",
];

const projectFolder = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** Writes the codec into `targetFolder`, replacing what is there. Needs Go, for the module only. */
export async function generateEtcdCodec(targetFolder: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "etcd-codec-"));
  try {
    await prepareProtos(await protoFolder(), join(work, "proto"));
    await writeFile(
      join(work, "buf.yaml"),
      JSON.stringify({ version: "v2", modules: [{ path: "proto" }] }),
    );
    await writeFile(join(work, "buf.gen.yaml"), JSON.stringify(generation()));
    const buf = join(projectFolder, "node_modules/.bin/buf");
    await run(buf, ["generate", "--output", work], { cwd: work });
    await rm(targetFolder, { recursive: true, force: true });
    await writeFormatted(join(work, "out"), targetFolder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function generation(): unknown {
  const plugin = {
    local: [join(projectFolder, "node_modules/.bin/protoc-gen-ts_proto")],
    out: "out",
    opt: codecOptions,
    strategy: "all",
  };
  return { version: "v2", plugins: [plugin], inputs: [{ directory: ".", types: messages }] };
}

async function protoFolder(): Promise<string> {
  const { stdout } = await run("go", ["mod", "download", "-json", apiModule], { cwd: tmpdir() });
  return (JSON.parse(stdout) as { Dir: string }).Dir;
}

async function prepareProtos(from: string, to: string): Promise<void> {
  for (const file of protoFiles) {
    const target = join(to, "etcd/api", file);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, prepared(await readFile(join(from, file), "utf8")));
  }
}

/** One .proto file without services, without options, and with keys as strings. */
export function prepared(proto: string): string {
  const kept = withoutBlocks(proto, /^(service \w+|option \([\w.]+\) =) \{/m)
    .replace(/^import "(google\/|protoc-gen|etcd\/api\/versionpb).*\n/gm, "")
    .replace(/^\s*option \([\w.]+\)\s*=.*;\n/gm, "")
    .replace(/\s*\[\(versionpb\.[^\]]*\]/g, "");
  return kept.replace(/^(\s*(?:repeated )?)bytes (key|range_end|keys) =/gm, "$1string $2 =");
}

/** Cuts each block whose head matches, up to its closing brace. */
function withoutBlocks(text: string, head: RegExp): string {
  let rest = text;
  for (let found = head.exec(rest); found !== null; found = head.exec(rest)) {
    let depth = 0;
    let end = found.index;
    do {
      end += 1;
      if (rest[end] === "{") depth += 1;
      if (rest[end] === "}") depth -= 1;
    } while (end < rest.length && (depth > 0 || rest[end] !== "}"));
    rest = rest.slice(0, found.index) + rest.slice(end + 1).replace(/^;/, "");
  }
  return rest;
}

async function writeFormatted(from: string, to: string): Promise<void> {
  for (const name of await readdir(from, { recursive: true })) {
    if (!name.endsWith(".ts")) continue;
    const target = join(to, name.replace(/^etcd\/api\//, ""));
    await mkdir(dirname(target), { recursive: true });
    const text = await readFile(join(from, name), "utf8");
    await writeFile(target, await format(text, { parser: "typescript", printWidth: 100 }));
  }
}

if (import.meta.main) await generateEtcdCodec(join(projectFolder, "etcd/codec"));

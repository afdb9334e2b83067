/** etcd3 reads its `.proto` files from beside its source, which a bundle does not have: here it gets what they come to. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import type { Plugin } from "esbuild";

const reading = "loadSync)(`${__dirname}/../proto/rpc.proto`";

interface Protobuf {
  readonly Root: new () => {
    loadSync(file: string, options: { readonly keepCase: boolean }): { toJSON(): unknown };
  };
}

export const protosOfEtcd3: Plugin = {
  name: "etcd3's .proto files",
  setup({ onLoad }) {
    onLoad({ filter: /etcd3\/lib\/connection-pool\.js$/ }, async ({ path: file }) => {
      const text = await readFile(file, "utf8");
      if (!text.includes(reading)) throw new Error(`${file} no longer has: ${reading}`);
      return { contents: text.replace(reading, `fromJSON)(${descriptionFor(file)}`) };
    });
  },
};

/** As its own loader would read them. */
function descriptionFor(file: string): string {
  const loader = createRequire(file).resolve("@grpc/proto-loader");
  const { Root } = createRequire(loader)("protobufjs") as Protobuf;
  const proto = path.resolve(path.dirname(file), "../proto/rpc.proto");
  return JSON.stringify(new Root().loadSync(proto, { keepCase: true }).toJSON());
}

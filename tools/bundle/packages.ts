/**
 * What bundles take of packages that bring much more. Each stands for the whole package: code of ours that used more of it
 * would fail at once, in the tests that start the bundle.
 */
import path from "node:path";
import process from "node:process";
import type { Plugin } from "esbuild";

/** By the name that is imported, or the file within a package, what it is replaced by. */
export type Replaced = Readonly<Record<string, string>>;

/**
 * Of winston we use the logger and one format (host/log.ts). What else `import winston` brings is left out: three
 * transports with their HTTP and compression, twenty formats, and a second copy of Node's own streams, which are what
 * `readable-stream` was copied from.
 */
export const smallWinston: Replaced = {
  winston: `module.exports = {
    createLogger: require("winston/lib/winston/create-logger.js"),
    format: { printf: require("logform/printf.js") },
  };`,
  "readable-stream": `module.exports = process.getBuiltinModule("node:stream");`,
  "readable-stream/lib/_stream_writable.js": `module.exports = process.getBuiltinModule("node:stream").Writable;`,
};

const leftOut = (what: string): string =>
  `() => { throw new Error(${JSON.stringify(`${what} is left out of the bundle`)}); }`;

/**
 * Of client-node we use what reads kubeconfigs and asks their plugins (operator/kube/cluster.ts). Left out are the clients
 * of all resources of Kubernetes, and proxies, which a kubeconfig may name and we refuse.
 */
export const smallClientNode: Replaced = {
  "@kubernetes/client-node": `export { KubeConfig } from "@kubernetes/client-node/dist/config.js";`,
  "@kubernetes/client-node/dist/gen/index.js": `
    export const createConfiguration = ${leftOut("a client of client-node")};
    export const ServerConfiguration = createConfiguration;`,
  "@kubernetes/client-node/dist/middleware.js": `export const setHeaderMiddleware = ${leftOut("a client of client-node")};`,
  socks: `export const SocksClient = ${leftOut("a SOCKS proxy")};`,
  "socks-proxy-agent": `export const SocksProxyAgent = ${leftOut("a SOCKS proxy")};`,
  hpagent: `
    export const HttpProxyAgent = ${leftOut("an HTTP proxy")};
    export const HttpsProxyAgent = HttpProxyAgent;`,
};

/** Of undici we use the agent, over HTTP/1.1. Left out are fetch, caches, proxies, mocks, and HTTP/2, which loads Node's. */
export const smallUndici: Replaced = {
  undici: `
    const { prototype } = require("undici/lib/dispatcher/dispatcher.js");
    module.exports = { Agent: require("undici/lib/dispatcher/agent.js") };
    Object.assign(prototype, { request: require("undici/lib/api/api-request.js") });`,
  "undici/lib/dispatcher/client-h2.js": `module.exports = ${leftOut("HTTP/2 of undici")};`,
};

export function replacing(replaced: Replaced): Plugin {
  return {
    name: "small packages",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /.*/ }, ({ path: wanted, resolveDir }) => {
        const found = wanted.startsWith(".") ? withinPackages(resolveDir, wanted) : wanted;
        return Object.hasOwn(replaced, found) ? { path: found, namespace: "replaced" } : undefined;
      });
      onLoad({ filter: /.*/, namespace: "replaced" }, ({ path: found }) => ({
        contents: replaced[found] ?? "",
        resolveDir: process.cwd(),
      }));
    },
  };
}

/** As the package would be asked for it. */
function withinPackages(folder: string, file: string): string {
  return path.resolve(folder, file).split("node_modules/").at(-1) ?? file;
}

/**
 * An ES module that imports `node:http` makes Node read every export of it, and one of them is a getter that loads all of
 * fetch and WebSocket: 14 MB in every process. Asked for as an object, what is not used is not loaded.
 */
export const builtinsAsObjects: Plugin = {
  name: "builtins as objects",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path: name, kind }) =>
      kind === "import-statement" ? { path: name, namespace: "builtin" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path: name }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(name)});`,
    }));
  },
};

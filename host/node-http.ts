/**
 * node:http, got without `import`: an ES import reads every property of the module, and one of them (`WebSocket`) is a
 * getter that loads a whole HTTP client of its own, 3 MB that no sidecar uses.
 */
export const { createServer, STATUS_CODES } = process.getBuiltinModule("node:http");

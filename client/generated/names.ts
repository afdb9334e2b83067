/* Made from api/names.ts by `make generate`. Do not edit. */

export const httpPort = 4653;
export const injectLabel = "holdfast.dev/inject=enabled";

// What TypeScript's checker leaves open: floating promises, open switches, and what core/, etcd/ and operator/kube/ must be handed in.
import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

const generated = [
  "api/generated/**",
  "client/generated/**",
  "etcd/codec/**",
  "dist/**",
  ".cache/**",
  "bench/results/**",
];

/** Time and chance come from the Runtime port, so that a cluster of sidecars runs in virtual time, from one seed. */
const handedIn = {
  Date: "runtime.wallNow() for people, runtime.now() for durations",
  performance: "runtime.now()",
  setTimeout: "runtime.timer() or sleep() of core/runtime.ts",
  setInterval: "runtime.timer(), set anew each time",
  setImmediate: "runtime.timer()",
  clearTimeout: "cancel() of the timer",
  clearInterval: "cancel() of the timer",
  clearImmediate: "cancel() of the timer",
  crypto: "runtime.randomId()",
  process: "a parameter: options are read in a main.ts",
  console: "runtime.log",
  fetch: "a port that says what is needed",
};
const handedInProperties = [
  ["Math", "random", "runtime.random()"],
  ["AbortSignal", "timeout", "a Wait with a deadline, and sleep() of core/runtime.ts"],
  ["globalThis", "setTimeout", "runtime.timer()"],
  ["globalThis", "process", "a parameter: options are read in a main.ts"],
];

export default defineConfig(
  { ignores: generated },
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-import-type-side-effects": "error",
      // Numbers read well in messages; what else is put into a template is a mistake.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
      // It believes that what was read before an await still holds after it: here that is the mistake.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // It takes Promise.withResolvers<void>() for a mistake.
      "@typescript-eslint/no-invalid-void-type": "off",
      "no-console": "error",
      "no-warning-comments": ["error", { terms: ["todo", "fixme"], location: "anywhere" }],
      eqeqeq: "error",
      "max-params": ["error", 3],
      "max-lines-per-function": ["error", { max: 70, skipComments: true, skipBlankLines: true }],
      "max-lines": ["error", 500],
      "no-restricted-syntax": [
        "error",
        {
          selector: "ExportAllDeclaration",
          message: "No barrels: import from the file that declares it.",
        },
        { selector: "TSEnumDeclaration", message: 'Use a union of literals: "a" | "b".' },
      ],
    },
  },
  {
    // The inside: no clock, no chance, no process, no I/O but the ports.
    files: ["core/**/*.ts", "etcd/**/*.ts", "operator/kube/**/*.ts"],
    rules: {
      "no-restricted-globals": [
        "error",
        ...Object.entries(handedIn).map(([name, use]) => ({
          name,
          message: `Handed in here: use ${use}.`,
        })),
      ],
      "no-restricted-properties": [
        "error",
        ...handedInProperties.map(([object, property, use]) => ({
          object,
          property,
          message: `Handed in here: use ${use}.`,
        })),
      ],
    },
  },
  {
    // The client has a Runtime of its own, for the same reason.
    files: ["client/**/*.ts"],
    ignores: ["client/runtime.ts", "client/holdfast.ts"],
    rules: {
      "no-restricted-globals": [
        "error",
        // A moment that is known may be shown as a Date.
        ...Object.keys(handedIn)
          .filter((name) => name !== "Date")
          .map((name) => ({
            name,
            message: "Handed in here: use the Runtime (client/runtime.ts).",
          })),
      ],
      "no-restricted-properties": [
        "error",
        ...[...handedInProperties, ["Date", "now"]].map(([object, property]) => ({
          object,
          property,
          message: "Handed in here: use the Runtime (client/runtime.ts).",
        })),
      ],
    },
  },
  {
    files: ["api/**/*.ts", "core/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          patterns: [
            {
              group: ["node:*"],
              message: "api/ and core/ import nothing from Node: declare a port.",
            },
          ],
        },
      ],
    },
  },
  {
    files: ["etcd/**/*.ts", "operator/kube/**/*.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        {
          paths: [
            "node:timers",
            "node:timers/promises",
            "node:process",
            "node:crypto",
            "node:perf_hooks",
          ].map((name) => ({
            name,
            message: "Handed in here: use the Runtime port (core/runtime.ts).",
          })),
        },
      ],
    },
  },
  {
    // An error's cause stands last, after all that makes its message.
    files: ["core/refusal.ts"],
    rules: { "max-params": ["error", 4] },
  },
  {
    // Express knows what handles errors by its four parameters.
    files: ["operator/identity/door.ts", "operator/webhooks/door.ts"],
    rules: { "max-params": ["error", 4] },
  },
  {
    // Examples show what they do.
    files: ["examples/**/*.ts"],
    rules: { "no-console": "off" },
  },
  {
    // What people run prints; a suite's describe() is long by nature; assertions may say what types know already.
    files: ["test/**/*.ts", "bench/**/*.ts", "tools/**/*.ts"],
    rules: {
      "no-console": "off",
      "max-lines-per-function": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    files: ["test/**/*.ts"],
    rules: {
      // mocha's `it` may be handed an async function; asserting that a promise rejects needs no more.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unused-expressions": "off",
    },
  },
  {
    files: ["**/*.mjs", "**/*.cjs", "**/*.js"],
    languageOptions: { globals: { process: "readonly", console: "readonly", URL: "readonly" } },
  },
);

/** The options of the log, the same for every process. */
import { logFormats, logLevels } from "./log.ts";
import { choice } from "./option-kinds.ts";
import type { OptionTable } from "./options.ts";

export const logOptions = {
  logLevel: {
    env: "HOLDFAST_LOG_LEVEL",
    default: "info",
    prose: "The least level that is logged.",
    unit: "level",
    parse: choice(logLevels),
  },
  logFormat: {
    env: "HOLDFAST_LOG_FORMAT",
    default: undefined,
    defaultProse: "text on a terminal, else json",
    prose: "How lines of the log are written.",
    unit: "format",
    parse: choice(logFormats),
  },
} as const satisfies OptionTable;

// mocha's own reporter (spec or dot), which also leaves the totals in a file for the runner.
"use strict";
const { writeFileSync } = require("node:fs");
const process = require("node:process");
const { reporters } = require("mocha");

const shown = process.env.REPORTER === "spec" ? reporters.Spec : reporters.Dot;

module.exports = class extends shown {
  constructor(runner, options) {
    super(runner, options);
    runner.once("end", () => {
      const { passes, failures, pending } = this.stats;
      const file = process.env.HOLDFAST_TEST_TOTALS;
      if (file)
        writeFileSync(file, JSON.stringify({ passed: passes, failed: failures, skipped: pending }));
    });
  }
};

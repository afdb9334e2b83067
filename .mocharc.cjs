// Tests run on the sources as they are: Node strips the types.
"use strict";
const process = require("node:process");

module.exports = {
  extension: ["ts"],
  require: ["./test/support/leak-check.ts"],
  timeout: 20_000,
  slow: 2_000,
  forbidOnly: process.env.CI === "true",
  // A name that matches no file is a typing error, not an empty success.
  "fail-zero": true,
};

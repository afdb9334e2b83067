/** The map of the tree: rooms.json names every room and folder that there is, and none that is not. */
import { existsSync } from "node:fs";
import { sourceFiles } from "#tools/house/tree.ts";
import { readTable } from "#tools/rooms/table.ts";
import { nothing } from "./support/nothing.ts";

/** Their folders mirror the rooms. */
const mirrors = ["test/unit", "test/integration"];

describe("rooms.json", () => {
  const table = readTable();
  const folders = new Set(
    sourceFiles().flatMap((file) => {
      const parts = file.split("/").slice(0, -1);
      return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
    }),
  );
  const depth = (folder: string): number => folder.split("/").length;

  it("has a row for every room that holds sources", () => {
    const missing = [...folders].filter(
      (folder) => depth(folder) === 1 && !(folder in table.rooms),
    );
    nothing(missing, "Give these a row under 'rooms': who they may import, and why they are.");
  });

  it("has a line for every folder in a room", () => {
    const missing = [...folders].filter(
      (folder) =>
        depth(folder) === 2 &&
        !(folder in table.folders) &&
        !mirrors.some((mirror) => folder.startsWith(`${mirror}/`)),
    );
    nothing(missing, "Give these a line under 'folders' that says what belongs there.");
  });

  it("names no room and no folder that is not there", () => {
    const gone = [...Object.keys(table.rooms), ...Object.keys(table.folders)].filter(
      (name) => !existsSync(name),
    );
    nothing(gone, "Take these out: the map shows what is.");
  });
});

/** The part of docs/architecture.md that is drawn from rooms.json, between two marks. */
import { readFileSync, writeFileSync } from "node:fs";
import * as prettier from "prettier";
import type { Bound, Room, Table } from "./table.ts";

export const pictureFile = "docs/architecture.md";
const begin = "<!-- rooms: made from rooms.json by make generate -->";
const end = "<!-- /rooms -->";

/** Whether the file shows the table as it is. */
export async function pictureIsFresh(table: Table): Promise<boolean> {
  const text = readFileSync(pictureFile, "utf8");
  return text === (await withPicture(text, table));
}

export async function writePicture(table: Table): Promise<void> {
  const text = readFileSync(pictureFile, "utf8");
  writeFileSync(pictureFile, await withPicture(text, table));
}

async function withPicture(text: string, table: Table): Promise<string> {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from)
    throw new Error(`${pictureFile} has no place for the rooms: ${begin} … ${end}`);
  const drawn = [begin, "", draw(table), "", list(table), "", end].join("\n");
  const options = await prettier.resolveConfig(pictureFile);
  return prettier.format(text.slice(0, from) + drawn + text.slice(to + end.length), {
    ...options,
    parser: "markdown",
  });
}

function draw(table: Table): string {
  const arrows = Object.entries(table.rooms).flatMap(([name, room]) =>
    direct(name, table)
      .map((other) => `  ${name} --> ${other}`)
      .concat(room.imports.includes("*") ? [`  ${name} -.-> anything`] : []),
  );
  return ["```mermaid", "graph LR", ...arrows, "```"].join("\n");
}

/** The rooms that no other of the room's imports leads to already: an arrow each is enough. */
function direct(name: string, table: Table): string[] {
  const importsOf = (room: string): readonly string[] =>
    (table.rooms[room]?.imports ?? []).filter((other) => other !== "*");
  const all = importsOf(name);
  return all.filter((other) => !all.some((via) => via !== other && importsOf(via).includes(other)));
}

function list(table: Table): string {
  const rows = Object.entries(table.rooms).map(
    ([name, room]) => `| \`${name}/\` | ${room.what} | ${names(room.imports)} | ${foreign(room)} |`,
  );
  const folders = Object.entries(table.folders).map(([name, what]) => `| \`${name}/\` | ${what} |`);
  return [
    "| room | what | may import of ours | of Node and npm |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
    "| folder | what |",
    "| --- | --- |",
    ...folders,
  ].join("\n");
}

const names = (list: readonly string[]): string =>
  list.includes("*") ? "anything" : list.join(", ") || "–";

function foreign(room: Room): string {
  if (room.node.includes("*") && room.packages.includes("*")) return "anything";
  const shown = (prefix: string) => (entry: string | Bound) =>
    typeof entry === "string"
      ? `\`${entry === "*" ? `${prefix}*` : prefix + entry}\``
      : `\`${prefix}${entry.name}\` (in ${entry.only.map((place) => `\`${place}\``).join(", ")})`;
  return [...room.node.map(shown("node:")), ...room.packages.map(shown(""))].join(", ") || "–";
}

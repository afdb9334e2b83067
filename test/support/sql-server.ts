/**
 * A real PostgreSQL or MariaDB for tests, on a socket in a folder of its own, and sessions on it by its own client. Neither
 * serves root: where the tests are root's, the server runs as nobody.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { chown, cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { fetchTree, type DebianTree } from "#tools/fetch/debian-tree.ts";
import { run } from "#tools/fetch/step.ts";
import { eventually, inTime } from "./poll.ts";

export type SqlKind = "postgresql" | "mariadb";

/** Debian's user that owns nothing. */
const nobody = 65_534;

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

interface Parts {
  readonly kind: SqlKind;
  readonly tree: DebianTree;
  readonly folder: string;
  readonly server: ChildProcess;
}

export class SqlServer implements AsyncDisposable {
  readonly #parts: Parts;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Throws `ToolMissing` where it cannot be had. */
  static async start(kind: SqlKind): Promise<SqlServer> {
    const tree = await fetchTree(kind);
    // Sockets have short paths.
    const folder = await mkdtemp(path.join(tmpdir(), "holdfast-sql-"));
    if (isRoot()) await chown(folder, nobody, nobody);
    const own = await reachable(tree, folder);
    const server = await (kind === "postgresql" ? startPostgres : startMariadb)(own, folder);
    running.add(server);
    const started = new SqlServer({ kind, tree: own, folder, server });
    try {
      await eventually(`${kind} to serve`, async () => {
        if (server.exitCode !== null) throw new Error(`it ended with ${server.exitCode}`);
        await using session = started.session();
        return (await session.rows("SELECT 1")).length === 1;
      });
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
    return started;
  }

  session(): SqlSession {
    const { kind, tree, folder } = this.#parts;
    const socket = path.join(folder, "socket");
    const [program, args] =
      kind === "postgresql"
        ? ["psql", ["-h", folder, "-U", "postgres", "-XAtq", "-F", "\t", "postgres"]]
        : ["mariadb", [...noDefaults, "-u", "root", "-S", socket, "-NBrnf", "test"]];
    const client = kind === "postgresql" ? tree.folder : path.join(tree.root, "usr/bin");
    const env = { ...process.env, ...tree.env };
    const child = spawn(path.join(client, program), args, { stdio: "pipe", env });
    return new SqlSession(child, kind);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { server, folder } = this.#parts;
    const over = new Promise((resolve) => server.once("close", resolve));
    // What it holds is thrown away: it need not be written.
    if (server.exitCode === null && server.signalCode === null) {
      server.kill("SIGKILL");
      await over;
    }
    running.delete(server);
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

/** One connection; statements run one after another. */
export class SqlSession implements AsyncDisposable {
  readonly #child: ReturnType<typeof spawn>;
  readonly #kind: SqlKind;
  readonly #ended: Promise<unknown>;
  #output = "";
  #marks = 0;

  constructor(child: ReturnType<typeof spawn>, kind: SqlKind) {
    this.#child = child;
    this.#kind = kind;
    this.#ended = new Promise((resolve) => child.once("close", resolve));
    // Who writes to one that has ended hears of it by what it does not answer.
    child.stdin?.on("error", () => undefined);
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
  }

  /** What it answers, as rows of cells. Throws what the server says is wrong. */
  async rows(statement: string): Promise<string[][]> {
    this.#marks += 1;
    const mark = `over-${this.#marks}`;
    this.#child.stdin?.write(`${statement};\nSELECT '${mark}';\n`);
    const ended = this.#ended.then(() => {
      throw new Error(`the session ended: ${this.#output}`);
    });
    const answered = eventually(`the answer to ${statement}`, () => {
      const at = this.#output.indexOf(`${mark}\n`);
      return at >= 0 && this.#output.slice(0, at);
    });
    const text = await Promise.race([ended, answered]);
    this.#output = this.#output.slice(text.length + mark.length + 1);
    if (/^(psql:.*)?ERROR\b/m.test(text)) throw new Error(text.trim());
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => line.split("\t"));
  }

  /** The text of a statement with placeholders as a driver sends it, run with these values. */
  async prepared(statement: string, values: readonly string[]): Promise<string[][]> {
    const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;
    const given = values.map(quote).join(", ");
    if (this.#kind === "postgresql") {
      await this.rows(`PREPARE it AS ${statement}`);
      const rows = await this.rows(`EXECUTE it(${given})`);
      await this.rows("DEALLOCATE it");
      return rows;
    }
    await this.rows(`PREPARE it FROM ${quote(statement)}`);
    return this.rows(`EXECUTE it USING ${given}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await inTime("the session to end", this.#ended);
  }
}

const isRoot = (): boolean => process.getuid?.() === 0;
const noDefaults = ["--no-defaults"];

/** Nobody may not enter root's home, where the cache is. */
async function reachable(tree: DebianTree, folder: string): Promise<DebianTree> {
  if (!isRoot() || tree.root === "/") return tree;
  const root = path.join(folder, "programs");
  await cp(tree.root, root, { recursive: true, verbatimSymlinks: true });
  const moved = (text: string): string => text.replaceAll(tree.root, root);
  const env = Object.entries(tree.env).map(([name, value]) => [name, moved(value)]);
  return { root, folder: moved(tree.folder), env: Object.fromEntries(env) as DebianTree["env"] };
}

interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** As nobody, where the tests are root's. */
function starting({ file, args, env }: Program): ChildProcess {
  return spawn(file, args, {
    stdio: "ignore",
    env: { ...process.env, ...env },
    ...(isRoot() ? { uid: nobody, gid: nobody } : {}),
  });
}

async function toItsEnd(program: Program): Promise<void> {
  const child = starting(program);
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${program.file} ended with ${String(code)}`);
}

async function startPostgres(tree: DebianTree, folder: string): Promise<ChildProcess> {
  const data = path.join(folder, "data");
  const file = (name: string): string => path.join(tree.folder, name);
  const init = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"];
  await toItsEnd({ file: file("initdb"), args: init, env: tree.env });
  const args = ["-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"];
  return starting({ file: file("postgres"), args, env: tree.env });
}

async function startMariadb(tree: DebianTree, folder: string): Promise<ChildProcess> {
  const data = path.join(folder, "data");
  await mkdir(path.join(data, "mysql"), { recursive: true });
  await mkdir(path.join(data, "test"));
  if (isRoot()) await run({ command: "chown", args: ["-R", `${nobody}:${nobody}`, data] });
  const file = path.join(tree.folder, "mariadbd");
  const share = path.join(tree.root, "usr/share/mysql");
  const own = [...noDefaults, `--datadir=${data}`, `--lc-messages-dir=${share}`];
  const args = [
    ...[...own, "--skip-grant-tables", "--skip-networking", `--socket=${folder}/socket`],
    ...[`--pid-file=${folder}/pid`, `--plugin-dir=${folder}`],
  ];
  return starting({ file, args, env: tree.env });
}

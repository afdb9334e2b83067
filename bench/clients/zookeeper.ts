/**
 * ZooKeeper's recipe for a lock: a node, ephemeral and in sequence, below the lock's own; who has the lowest holds, everyone
 * else waits for the one before to go. https://zookeeper.apache.org/doc/current/recipes.html#sc_recipes_Locks
 *
 * All callers share one session. It keeps their order, so the children are asked for right behind the node that is made,
 * without waiting for its name.
 */
import { int, intBytes, no, text, textAt, textsAt, yes } from "./jute.ts";
import { plainName, portOf, type Peer, type PeerLocker } from "./peer.ts";
import { codes, operations, ZooKeeperSession } from "./zookeeper-session.ts";

/** Everyone may do everything. */
const openAcl = int(1) + int(31) + text("world") + text("anyone");
const noData = text("");
const persistent = int(0);
const ephemeralSequential = int(3);
const anyVersion = int(-1);

/** The target is the port. */
export async function connectZooKeeper(target: string): Promise<Peer> {
  const session = await ZooKeeperSession.open({ port: portOf(target) });
  return {
    make: (name) => makeZooKeeperLocker(session, name),
    close: () => session.close(),
  };
}

/** The lock's own node stays. */
export async function makeZooKeeperLocker(
  session: ZooKeeperSession,
  name: string,
): Promise<PeerLocker> {
  const lock = `/${plainName(name)}`;
  const code = await session.code(operations.create, text(lock) + noData + openAcl + persistent);
  if (code !== codes.ok && code !== codes.nodeExists) throw refused(`create ${lock}`, code);
  return new ZooKeeperLocker(session, lock);
}

interface Turn {
  /** Empty until it is made. */
  node: string;
  readonly resolve: (node: string) => void;
  readonly reject: (error: Error) => void;
}

class ZooKeeperLocker implements PeerLocker {
  readonly #session: ZooKeeperSession;
  readonly #lock: string;
  readonly #create: string;
  readonly #getChildren: string;

  constructor(session: ZooKeeperSession, lock: string) {
    this.#session = session;
    this.#lock = lock;
    this.#create = text(`${lock}/n-`) + noData + openAcl + ephemeralSequential;
    this.#getChildren = text(lock) + no;
  }

  take(): Promise<string> {
    return new Promise((resolve, reject) => {
      const turn: Turn = { node: "", resolve, reject };
      this.#session.ask(operations.create, this.#create, {
        answered: (code, bytes, at) => {
          if (code === codes.ok) turn.node = textAt(bytes, at);
          else reject(refused(`create in ${this.#lock}`, code));
        },
        failed: reject,
      });
      this.#look(turn);
    });
  }

  give(node: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#session.ask(operations.delete, text(node) + anyVersion, {
        answered: (code) => {
          if (code === codes.ok) resolve();
          else reject(refused(`delete ${node}`, code));
        },
        failed: reject,
      });
    });
  }

  /** The session is shared, and closed by its owner. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #look(turn: Turn): void {
    this.#session.ask(operations.getChildren, this.#getChildren, {
      answered: (code, bytes, at) => {
        if (code !== codes.ok) {
          turn.reject(refused(`getChildren of ${this.#lock}`, code));
          return;
        }
        if (turn.node === "") return; // It was not made, which has been said.
        const name = turn.node.slice(this.#lock.length + 1);
        if (isAlone(name, bytes, at)) turn.resolve(turn.node);
        else this.#judge(turn, name, textsAt(bytes, at));
      },
      failed: turn.reject,
    });
  }

  #judge(turn: Turn, name: string, children: readonly string[]): void {
    if (!children.includes(name)) {
      turn.reject(new Error(`${turn.node} is gone before its turn`));
      return;
    }
    // All names are of one length: they are in the order of their numbers.
    const before = children.reduce((last, one) => (one < name && one > last ? one : last), "");
    if (before === "") turn.resolve(turn.node);
    else this.#waitFor(`${this.#lock}/${before}`, turn);
  }

  #waitFor(node: string, turn: Turn): void {
    const again = { answered: () => this.#look(turn), failed: turn.reject };
    this.#session.watch(node, again);
    this.#session.ask(operations.exists, text(node) + yes, {
      answered: (code) => {
        if (code === codes.ok) return; // Its end is an event.
        this.#session.unwatch(node);
        if (code === codes.noNode) this.#look(turn);
        else turn.reject(refused(`exists ${node}`, code));
      },
      failed: turn.reject,
    });
  }
}

/** The usual case, without a list of all names. */
function isAlone(name: string, bytes: Buffer, at: number): boolean {
  return bytes.readInt32BE(at) === 1 && textAt(bytes, at + intBytes) === name;
}

function refused(what: string, code: number): Error {
  return new Error(`ZooKeeper refuses to ${what}: code ${code}`);
}

/**
 * The disk below a member's data has no space left, whatever its quota says. etcd takes writes for a while all the same: they fit
 * into the part of its log that it took beforehand. Then its database needs a page more, and it ends by itself, with "no space left
 * on device". It is started again, as a kubelet does, and often serves for a moment, says yes to some, and ends anew; until there
 * is space.
 *
 *     a small database ─▶ ballast ─▶ writes, until it has ended ─▶ started in vain, again and again ─▶ no ballast ─▶ healthy
 */
import { EtcdGateway } from "#test/support/etcd-gateway.ts";
import type { EtcdMember } from "#test/support/etcd-member.ts";
import { makeSpace, putFill } from "#test/support/etcd-space.ts";
import { until } from "#tools/cluster/until.ts";
import type { SmallDisk } from "../stage/small-disks.ts";
import { last, someTime, type OfEtcd, type Trouble } from "./trouble.ts";

/** Half a MB each: the first needs pages that a database just defragmented does not have. All stay far below the quota. */
const putsMax = 12;
/** A kubelet waits for longer, but not always: who has stood for ten minutes is started at once. */
const restartsAfter = { min: 0, max: 1_000 };

export const diskFull: OfEtcd = async (trouble, member) => {
  const { stage } = trouble;
  const disk = stage.diskOf(member);
  const all = stage.etcd.members.map(({ endpoint }) => new EtcdGateway(endpoint));
  // Else it may find room enough among the pages that it has.
  await surely(`${member.name} to have a small database`, () => makeSpace(all));
  await disk.fill();
  await meet(member, disk);
  await startInVain(trouble, member, disk);
  // Not as it is: one that began on a full disk may end of that long after, when it needs the next part of its log.
  await member.kill();
  await disk.free();
  await member.start();
  // No page is left behind that was taken for this.
  await surely("what filled the disk to be gone", () => makeSpace(all));
};

/** Until it has ended. */
async function meet(member: EtcdMember, disk: SmallDisk): Promise<void> {
  const raw = new EtcdGateway(member.endpoint);
  let written = 0;
  await until(`${member.name} to end by its full disk`, async () => {
    if (!member.running) return true;
    // It removes old parts of its log.
    await disk.fill();
    if (written < putsMax) await putFill(raw, written++);
    return !member.running;
  });
}

async function startInVain(trouble: Trouble, member: EtcdMember, disk: SmallDisk): Promise<void> {
  const { over, chance } = trouble;
  const endsAt = performance.now() + someTime(trouble);
  const leftMs = (): number => (over.aborted ? 0 : Math.max(0, endsAt - performance.now()));
  // A timer may ring a moment early, and leave an etcd that runs.
  while (!member.running && leftMs() > 0) {
    await last(trouble, Math.min(leftMs(), chance.between(restartsAfter)));
    if (leftMs() === 0) return;
    await disk.fill();
    member.launch();
    await Promise.race([member.ended, last(trouble, leftMs())]);
  }
}

/** As often as it takes: the cluster may have lost its leader a moment ago. */
async function surely(what: string, does: () => Promise<void>): Promise<void> {
  await until(what, async () => {
    await does();
    return true;
  });
}

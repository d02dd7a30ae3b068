import { groupItems } from '../../src/log/group.ts';
import { REFUSED_LINES_MAX } from '../../src/log/log-text.ts';
import { type Group, type LogNumber, OWN_LOG, RECEIVED_LOG } from '../../src/ports/log-store.ts';
import { receiptDigest, receiptIdOf } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import type { Host } from '../host.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { type Checker, Violation } from './checker.ts';

/** Law 4: a region never stores two contents under one id, and never one entry twice in one log. */
export function firstWins(): Checker {
  return {
    name: 'the first content wins in each region',
    holdsBeyond: true,
    finished: (hosts) => {
      for (const host of hosts) for (const disk of host.disks) checkDisk(host, disk);
    },
  };
}

function checkDisk(host: Host, disk: MemoryDisk): void {
  const digests = new Map<string, string>();
  // A mirrored log can't have holes: it may hold what this region refuses, and `disk.index` does not.
  for (const [log, groups] of [...disk.groups].filter(([number]) => number <= RECEIVED_LOG)) {
    checkLog(host, { log, groups, mayStandTwice: mayStandTwice(log, disk, host) }, digests);
  }
}

function checkLog(
  { id }: Host,
  { log, groups, mayStandTwice: isRepeated }: { readonly log: LogNumber; readonly groups: readonly Group[]; readonly mayStandTwice: boolean },
  digests: Map<string, string>,
): void {
  const seen = new Set<string>();
  for (const { canonical } of groups.flatMap((group) => [...groupItems(group.frame)])) {
    if (canonical.length === 0) continue;
    const receiptId = receiptIdOf(canonical);
    const digest = toHex(receiptDigest(canonical));
    if ((digests.get(receiptId) ?? digest) !== digest) throw new Violation(`${id} holds two contents of ${receiptId}`);
    if (seen.has(receiptId) && !isRepeated) throw new Violation(`log ${log} of ${id} holds ${receiptId} twice`);
    digests.set(receiptId, digest);
    seen.add(receiptId);
  }
}

/** An own log holds a receipt twice only where more is refused than one text has lines for (SPEC §4). */
function mayStandTwice(log: LogNumber, disk: MemoryDisk, { signing }: Host): boolean {
  return log === OWN_LOG && (disk.logs.get(OWN_LOG)?.refused.length ?? 0) > (signing?.refusedLinesMax ?? REFUSED_LINES_MAX);
}

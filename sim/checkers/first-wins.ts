import { groupItems } from '../../src/log/group.ts';
import { REFUSED_LINES_MAX } from '../../src/log/log-text.ts';
import { type Group, type LogNumber, OWN_LOG, RECEIVED_LOG } from '../../src/ports/log-store.ts';
import { receiptDigest, receiptIdOf } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/** Law 4: a region never stores two contents under one id, and never one entry twice in one log. */
export function firstWins(): Checker {
  return {
    name: 'the first content wins in each region',
    finished: (hosts) => {
      for (const host of hosts) {
        const digests = new Map<string, string>();
        // A mirrored log can't have holes: it may hold what this region refuses, and `disk.index` does not.
        for (const [log, groups] of [...host.disk.groups].filter(([number]) => number <= RECEIVED_LOG)) checkLog(host, { log, groups }, digests);
      }
    },
  };
}

function checkLog(host: Host, { log, groups }: { readonly log: LogNumber; readonly groups: readonly Group[] }, digests: Map<string, string>): void {
  const seen = new Set<string>();
  for (const { canonical } of groups.flatMap((group) => [...groupItems(group.frame)])) {
    if (canonical.length === 0) continue;
    const receiptId = receiptIdOf(canonical);
    const digest = toHex(receiptDigest(canonical));
    if ((digests.get(receiptId) ?? digest) !== digest) throw new Violation(`${host.id} holds two contents of ${receiptId}`);
    if (seen.has(receiptId) && !mayStandTwice(log, host)) throw new Violation(`log ${log} of ${host.id} holds ${receiptId} twice`);
    digests.set(receiptId, digest);
    seen.add(receiptId);
  }
}

/** An own log holds a receipt twice only where more is refused than one text has lines for (SPEC §4). */
function mayStandTwice(log: LogNumber, { disk, signing }: Host): boolean {
  return log === OWN_LOG && (disk.logs.get(OWN_LOG)?.refused.length ?? 0) > (signing?.refusedLinesMax ?? REFUSED_LINES_MAX);
}

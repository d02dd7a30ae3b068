import { groupItems } from '../../src/log/group.ts';
import { frameLeaves } from '../../src/log/growth.ts';
import { isNamed, type LogText } from '../../src/log/log-text.ts';
import { OWN_LOG } from '../../src/ports/log-store.ts';
import { receiptDigest, receiptIdOf } from '../../src/receipt/canonical.ts';
import { concatBytes, toHex } from '../../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { isQuorum } from '../../src/tlog/policy.ts';
import type { Host } from '../host.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { type Checker, Violation } from './checker.ts';
import { readText } from './texts.ts';

/** A text that somebody has signed, and who. */
interface Signed {
  readonly text: LogText;
  readonly regions: Set<string>;
}

/**
 * R3 where a log may have several histories: from every cosignature ever made, and every disk that any machine ever ran on, no two
 * certificates can be made for two contents under one id. A text certifies an entry of a history only if its root is that history's.
 */
export function everyHistory(): Checker {
  const signed = new Map<string, Signed>();
  return {
    name: 'one id, one certificate, in every history',
    holdsBeyond: true,
    cosigned: (region, text) => {
      const known = signed.get(text) ?? { text: readText(text), regions: new Set() };
      signed.set(text, known);
      known.regions.add(region);
    },
    finished: (hosts) => {
      const certified = new Map<string, string>();
      for (const host of hosts.filter(promises))
        for (const disk of host.disks)
          for (const { receiptId, digest } of certifiedIn(host, disk, signed)) {
            const before = certified.get(receiptId) ?? digest;
            certified.set(receiptId, digest);
            if (before !== digest) throw new Violation(`two contents of ${receiptId} can be certified`);
          }
    },
  };
}

function promises({ settings, signing }: Host): boolean {
  const total = settings.regions.reduce((sum, { weight }) => sum + weight, settings.weight);
  return signing !== undefined && 2 * settings.quorumThreshold > total;
}

interface Named {
  readonly receiptId: string;
  /** Hex. */
  readonly digest: string;
}

function certifiedIn({ signing }: Host, disk: MemoryDisk, signed: ReadonlyMap<string, Signed>): readonly Named[] {
  const policy = signing?.cluster.policy;
  const groups = disk.groups.get(OWN_LOG) ?? [];
  if (policy === undefined || groups.length === 0) return [];
  const own = [...signed.values()].filter(
    ({ text }) => text.origin === signing?.signer.logKey.name && isQuorum(policy.quorum, new Set(policy.witnesses.keys())),
  );
  const rootAt = rootsOf(groups.map(({ frame, count }) => frameLeaves(frame, count)));
  const fitting = own.filter(({ text }) => rootAt(text.size) === toHex(text.root));
  const items = groups.flatMap(({ frame }) => [...groupItems(frame)]);
  return items.flatMap(({ canonical }, index) => {
    if (canonical.length === 0) return [];
    const isCertified = fitting.some(
      ({ text, regions }) => index < text.size && isQuorum(policy.quorum, new Set([...regions].filter((region) => !isNamed(text, region, index)))),
    );
    return isCertified ? [{ receiptId: receiptIdOf(canonical), digest: toHex(receiptDigest(canonical)) }] : [];
  });
}

/** The root of the first so many entries, in hex; each worked out once. */
function rootsOf(groups: readonly Uint8Array[]): (size: number) => string | undefined {
  const leaves = concatBytes(groups);
  const known = new Map<number, string>();
  return (size) => {
    if (size * 32 > leaves.length) return undefined;
    const root = known.get(size) ?? toHex(rootOf(append(EMPTY_EDGE, leaves.subarray(0, size * 32)).edge));
    known.set(size, root);
    return root;
  };
}

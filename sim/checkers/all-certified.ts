import { toHex } from '../../src/std/bytes.ts';
import { isQuorum } from '../../src/tlog/policy.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';
import { provesEntry } from './proofs.ts';

/**
 * Progress: once faults have stopped, a content that regions which weigh the threshold hold as the first one is certified, and each of
 * them can prove it, whoever's log it stands in, however many others are refused.
 */
export function allCertified(): Checker {
  return {
    name: 'what is unrefused is certified',
    finished: (hosts) => {
      for (const host of hosts) {
        if (host.signing === undefined || host.disk.forgot !== undefined) continue;
        for (const [receiptId, { digest, places }] of host.disk.index) {
          if (!isEndorsed(host, hosts, { receiptId, digest }) || !places.some(({ log }) => isMirroredByAll(host, hosts, log))) continue;
          if (!places.some((place) => provesEntry(host, place))) throw new Violation(`${host.id} can't prove ${receiptId}, though no quorum is in its way`);
        }
      }
    },
  };
}

/** Do regions whose signatures are enough hold this content? */
function isEndorsed(host: Host, hosts: readonly Host[], held: { readonly receiptId: string; readonly digest: Uint8Array }): boolean {
  const policy = host.signing?.cluster.policy;
  const same = hosts.filter(
    ({ disk, signing }) => signing !== undefined && toHex(disk.index.get(held.receiptId)?.digest ?? new Uint8Array()) === toHex(held.digest),
  );
  return policy !== undefined && isQuorum(policy.quorum, new Set(same.map(({ id }) => id)));
}

/** Receipts that came by the plain protocol alone stand in no log that anybody signs. */
function isMirroredByAll(host: Host, hosts: readonly Host[], log: number): boolean {
  return log !== 2 && hosts.length > 0 && host.disk.logs.get(log)?.edge !== undefined;
}

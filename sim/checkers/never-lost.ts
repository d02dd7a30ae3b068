import { canonicalBytes, receiptDigest } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';
import { weightHolding } from './disks.ts';

/**
 * R2: whatever regions that together weigh less than the threshold are lost for good, one that is left has what was certified. That is so
 * if those who hold it weigh the threshold: when the certificate is handed out, and ever after. (Or did, on a disk that was taken from them.)
 */
export function neverLost(): Checker {
  const certified = new Map<string, { readonly issuer: Host; readonly receiptId: string; readonly digest: string }>();
  const check = (
    hosts: readonly Host[],
    { issuer, receiptId, digest }: { readonly issuer: Host; readonly receiptId: string; readonly digest: string },
  ): void => {
    const { quorumThreshold } = issuer.settings;
    const weight = weightHolding(issuer, hosts, { receiptId, digest });
    if (weight < quorumThreshold) throw new Violation(`${receiptId} is certified, and those who hold it weigh ${weight} of ${quorumThreshold}`);
  };
  return {
    name: 'what is certified is never lost',
    holdsBeyond: true,
    certified: (issuer, { receipt }, hosts) => {
      const digest = toHex(receiptDigest(canonicalBytes(receipt)));
      const given = { issuer, receiptId: receipt.receiptId, digest };
      certified.set(`${receipt.receiptId} ${digest}`, given);
      check(hosts, given);
    },
    finished: (hosts) => {
      for (const given of certified.values()) check(hosts, given);
    },
  };
}

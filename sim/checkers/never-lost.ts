import { canonicalBytes, receiptDigest } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/**
 * R2: whatever regions that together weigh less than the threshold are lost for good, one that is left has what was certified. That is so
 * if those who hold it weigh the threshold: when the certificate is handed out, and ever after.
 */
export function neverLost(): Checker {
  const certified = new Map<string, { readonly issuer: Host; readonly receiptId: string; readonly digest: string }>();
  const check = (
    hosts: readonly Host[],
    { issuer, receiptId, digest }: { readonly issuer: Host; readonly receiptId: string; readonly digest: string },
  ): void => {
    const { settings } = issuer;
    const weights = new Map([[settings.region, settings.weight], ...settings.regions.map(({ regionId, weight }) => [regionId, weight] as const)]);
    const holders = hosts.filter(({ disk }) => toHex(disk.index.get(receiptId)?.digest ?? new Uint8Array()) === digest);
    const weight = holders.reduce((sum, { id }) => sum + (weights.get(id) ?? 0), 0);
    if (weight < settings.quorumThreshold)
      throw new Violation(
        `${receiptId} is certified, and those who hold it weigh ${weight} of ${settings.quorumThreshold}: ${holders.map(({ id }) => id).join(', ')}`,
      );
  };
  return {
    name: 'what is certified is never lost',
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

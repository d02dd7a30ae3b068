import { type Checker, Violation } from './checker.ts';

/** R3, as far as plain acknowledgements go: with 2 × threshold > all weight no two contents under one id both reach their quorum. */
export function oneContent(): Checker {
  const certified = new Map<string, string>();
  return {
    name: 'one id, one content',
    holdsBeyond: true,
    returned: (host, result) => {
      const total = host.settings.regions.reduce((sum, { weight }) => sum + weight, host.settings.weight);
      if (!result.quorumAchieved || 2 * result.threshold <= total) return;
      const before = certified.get(result.receiptId) ?? result.digest;
      certified.set(result.receiptId, result.digest);
      if (before !== result.digest) throw new Violation(`two contents of ${result.receiptId} reached their quorum`);
    },
    finished: () => undefined,
  };
}

import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/**
 * SPEC §2.1: who has forgotten what it signed signs nothing any more, and whoever holds its signature over more than it has makes it find
 * out: it has a minute for that, in which every way is open.
 */
export function foundOut(): Checker {
  return {
    name: 'who has forgotten finds out, and signs nothing',
    holdsBeyond: true,
    cosigned: (region, _, host) => signsNothing(region, host),
    signed: (region, _, host) => signsNothing(region, host),
    finished: (hosts) => {
      for (const host of hosts) {
        const isAlone = hosts.filter(({ id }) => id === host.id).length === 1;
        const knowing = hosts.find(({ id, region }) => host.lostTo.has(id) && region !== undefined);
        if (!isAlone || host.region === undefined || knowing === undefined || host.disk.forgot !== undefined) continue;
        throw new Violation(`${host.id} came back with less than it has signed for ${knowing.id}, and goes on`);
      }
    },
  };
}

function signsNothing(region: string, host: Host): void {
  if (host.disk.forgot !== undefined || hasSaid(host)) throw new Violation(`${region} signs, and knows that it has forgotten what it signed`);
}

/** Has this process said that it has forgotten, though that may not be on disk yet? */
function hasSaid({ accused, region }: Host): boolean {
  return accused.has('forgot') && region?.overview().alarms.some(({ alarm }) => alarm === 'forgot') === true;
}

import type { AlarmKind } from '../../src/log/alarm.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';
import { standsAgainst } from './disks.ts';

/**
 * SPEC §2.1: who has forgotten what it signed signs nothing any more, and whoever holds its signature over more than it has makes it find
 * out: it has a minute for that, in which every way is open. Where others hold more of its own log it may have gone on with it
 * before, and then they say that it forks. After a failed fsync it can't write down what it has found out.
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
        if (!isAlone || host.region === undefined || host.disk.forgot !== undefined || (hasSaid(host) && host.isPoisoned)) continue;
        const knowing = hosts.find(({ id, region }) => host.lostTo.has(id) && region !== undefined);
        if (knowing !== undefined) throw new Violation(`${host.id} came back with less than it has signed for ${knowing.id}, and goes on`);
        const holding = hosts.find(({ id, region }) => host.lostOwnTo.has(id) && region !== undefined);
        if (holding !== undefined && !standsAgainst(hosts, host.id, OTHER_HISTORY))
          throw new Violation(`${host.id} came back with less of its own log than ${holding.id} holds of it, and nobody says so`);
      }
    },
  };
}

/** What is said of an own log that was continued otherwise before its region could find out: its size says nothing any more. */
const OTHER_HISTORY: ReadonlySet<AlarmKind> = new Set<AlarmKind>(['fork']);

function signsNothing(region: string, host: Host): void {
  if (host.disk.forgot !== undefined || hasSaid(host)) throw new Violation(`${region} signs, and knows that it has forgotten what it signed`);
}

/** Has this process said that it has forgotten, though that may not be on disk yet? */
function hasSaid({ accused, region }: Host): boolean {
  return accused.has('forgot') && region?.overview().alarms.some(({ alarm }) => alarm === 'forgot') === true;
}

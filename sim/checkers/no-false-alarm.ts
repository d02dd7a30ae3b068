import type { AlarmKind } from '../../src/log/alarm.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';
import { isIntact } from './disks.ts';

/** What the faults and the clients of the simulator bring about where everybody is honest. */
export const EXPECTED: ReadonlySet<AlarmKind> = new Set<AlarmKind>(['link-paused', 'conflict']);

/** Is this an alarm that nobody's honesty is in question by? */
export function isExpected(alarm: AlarmKind): boolean {
  return EXPECTED.has(alarm);
}

/** Beyond the stated faults: may somebody say of this region that it has forgotten, forks, goes back, or is there twice? */
export function mayBeAccused(hosts: readonly Host[], region: string): boolean {
  return hosts.some((host) => host.id === region && !isIntact(host));
}

/** Where all are honest nobody forgets, forks, goes back or sends twice, whatever crashes: no alarm says so, and no evidence is on any disk. */
export function noFalseAlarm(expected: ReadonlySet<AlarmKind>): Checker {
  return {
    name: 'no false alarm',
    finished: (hosts) => {
      for (const { id, disk } of hosts) {
        if (disk.evidence.size > 0) throw new Violation(`${id} keeps evidence against somebody honest: ${[...disk.evidence.values()].join('')}`);
        const wrong = [...disk.alarms.values()].find(({ alarm }) => !expected.has(alarm));
        if (wrong !== undefined) throw new Violation(`${id} keeps an alarm ${wrong.alarm} of ${wrong.region}: ${wrong.message}`);
      }
    },
  };
}

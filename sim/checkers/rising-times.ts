import { recordedAt } from '../../src/log/entry.ts';
import { groupItems } from '../../src/log/group.ts';
import { type LogNumber, OWN_LOG, RECEIVED_LOG } from '../../src/ports/log-store.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { type Checker, Violation } from './checker.ts';

/** SPEC §2: `recorded_at` rises from entry to entry of a log, wherever the clock of its region goes. A mirror takes any: so the own logs are looked at. */
export function risingTimes(): Checker {
  return {
    name: 'times rise within a log',
    holdsBeyond: true,
    finished: (hosts) => {
      for (const { id, disks } of hosts) for (const disk of disks) for (const log of [OWN_LOG, RECEIVED_LOG]) checkLog(id, disk, log);
    },
  };
}

function checkLog(region: string, disk: MemoryDisk, log: LogNumber): void {
  const times = (disk.groups.get(log) ?? []).flatMap(({ frame }) => [...groupItems(frame)].map(({ entry }) => recordedAt(entry)));
  const at = times.findIndex((time, n) => n > 0 && time <= (times[n - 1] ?? 0n));
  if (at !== -1) throw new Violation(`entry ${at} of log ${log} of ${region} is not recorded after the one before it`);
}

import { parseConflictBody } from '../../src/log/conflict.ts';
import { entryBody, entryKind, KIND_CONFLICT } from '../../src/log/entry.ts';
import { groupItems } from '../../src/log/group.ts';
import { OWN_LOG } from '../../src/ports/log-store.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { type Checker, Violation } from './checker.ts';

/** Each entry of a mirrored log that is refused for its content has one entry of evidence in the own log, and nothing else has (SPEC §4). */
export function evidence(): Checker {
  return {
    name: 'what is refused is on record',
    holdsBeyond: true,
    finished: (hosts) => {
      for (const { id, disks } of hosts) for (const disk of disks) checkDisk(id, disk);
    },
  };
}

function checkDisk(id: string, disk: MemoryDisk): void {
  const refused = [...disk.refused.values()].flat().map(({ log, index }) => `${disk.logs.get(log)?.origin}#${index}`);
  const recorded = evidenceOf(id, disk);
  const missing = refused.find((place) => !recorded.includes(place));
  if (missing !== undefined) throw new Violation(`${id} refuses ${missing} and has no evidence of it`);
  if (recorded.length !== refused.length) throw new Violation(`${id} has ${recorded.length} entries of evidence for ${refused.length} refused`);
}

function evidenceOf(id: string, disk: MemoryDisk): readonly string[] {
  return (disk.groups.get(OWN_LOG) ?? []).flatMap(({ frame }) =>
    [...groupItems(frame)].flatMap(({ entry, canonical }) => {
      if (canonical.length > 0) return [];
      const read = entryKind(entry) === KIND_CONFLICT ? parseConflictBody(entryBody(entry)) : undefined;
      if (read === undefined) throw new Violation(`${id} has an entry in its own log that is neither receipt nor evidence`);
      return [`${read.refused.origin}#${read.refused.index}`];
    }),
  );
}

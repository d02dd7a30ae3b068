import { type GroupItem, groupItems } from '../../src/log/group.ts';
import { type ItemReading, readItem } from '../../src/log/stored-item.ts';
import type { NewGroup } from '../../src/ports/log-store.ts';
import { view } from '../../src/std/buffer.ts';
import { equalBytes } from '../../src/std/bytes.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { type Checker, Violation } from './checker.ts';

/**
 * R1, R2: what was written to any disk, byte for byte: each receipt opens the commitment of its entry with the salt beside it, and the index
 * has the digest of the content. Whether a disk gives back later what was written is another matter (`MemoryDisk.rot`).
 */
export function everyByte(): Checker {
  return {
    name: 'what is written opens its entry',
    holdsBeyond: true,
    finished: (hosts) => {
      const known: Known = new Map();
      for (const { id, disks } of hosts)
        for (const disk of disks) for (const group of [...disk.groups.values()].flat()) checkGroup(known, { disk, group, where: `log ${group.log} of ${id}` });
    },
  };
}

/** What is the same, byte for byte, on several disks is hashed once: by the entry's bytes. */
type Known = Map<string, { readonly item: GroupItem; readonly read: ItemReading }>;

function checkGroup(known: Known, { disk, group, where }: { readonly disk: MemoryDisk; readonly group: NewGroup; readonly where: string }): void {
  const items = [...groupItems(group.frame)];
  if (items.length !== group.count) throw new Violation(`${where} has ${items.length} entries in a group of ${group.count}`);
  for (const [n, item] of items.entries()) {
    const read = readOnce(known, item);
    const problem = read.kind === 'receipt' ? problemOfRows(disk, { group, n, read }) : read.kind === 'unsound' ? read.problem : undefined;
    if (problem !== undefined) throw new Violation(`entry ${group.start + n} of ${where}: ${problem}`);
  }
}

function readOnce(known: Known, item: GroupItem): ItemReading {
  const name = view(item.entry).toString('latin1');
  const before = known.get(name);
  if (before !== undefined && isSame(before.item, item)) return before.read;
  const read = readItem(item);
  known.set(name, { item, read });
  return read;
}

function isSame(one: GroupItem, other: GroupItem): boolean {
  return equalBytes(one.entry, other.entry) && equalBytes(one.canonical, other.canonical) && equalBytes(one.salt, other.salt);
}

function problemOfRows(
  disk: MemoryDisk,
  { group, n, read }: { readonly group: NewGroup; readonly n: number; readonly read: ItemReading & { readonly kind: 'receipt' } },
): string | undefined {
  const row = group.refused.includes(n)
    ? disk.refused.get(read.id)?.find(({ log, index }) => log === group.log && index === group.start + n)
    : disk.index.get(read.id);
  return row !== undefined && equalBytes(row.digest, read.digest) ? undefined : `the index has not the digest of ${read.id}`;
}

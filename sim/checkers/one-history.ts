import { groupItems } from '../../src/log/group.ts';
import { type LogNumber, OWN_LOG } from '../../src/ports/log-store.ts';
import { toHex } from '../../src/std/bytes.ts';
import { append, type Edge, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { leafHash } from '../../src/tlog/hash.ts';
import type { Host } from '../host.ts';
import type { MemoryDisk } from '../memory-disk.ts';
import { type Checker, Violation } from './checker.ts';
import { isIntact } from './disks.ts';
import { readText } from './texts.ts';

/**
 * R1, R7: what a region signs is the tree of the entries on its own disk, whatever it believes; and within the stated faults nobody, over
 * all restarts, signs two roots of one log at one size. Nor beyond them, of the log of a region that has lost nothing.
 */
export function oneHistory(): Checker {
  const trees = new WeakMap<MemoryDisk, Map<LogNumber, Tree>>();
  const roots = new Map<string, string>();
  const look = (region: string, text: string, host: Host): void => {
    const { origin, size, root } = readText(text);
    const signed = toHex(root);
    const held = rootOnDisk(trees, { host, origin, size });
    if (held !== signed) throw new Violation(`${region} signs another root of ${size} entries of ${origin} than those on its disk have`);
    const isOfIntact = host.cluster.some((each) => each.signing?.signer.logKey.name === origin && isIntact(each));
    if (!isOfIntact) return;
    const before = roots.get(`${origin} ${size}`) ?? signed;
    roots.set(`${origin} ${size}`, before);
    if (before !== signed) throw new Violation(`${region} signs a second root of ${size} entries of ${origin}`);
  };
  // The log's key and the mirror's key alike.
  return { name: 'what is signed is on the disk, and has one root', holdsBeyond: true, signed: look, cosigned: look, finished: () => undefined };
}

/** A log of one disk, as far as it was looked at. */
interface Tree {
  edge: Edge;
  /** Hex, by size. */
  readonly roots: Map<number, string>;
}

function rootOnDisk(
  trees: WeakMap<MemoryDisk, Map<LogNumber, Tree>>,
  { host, origin, size }: { readonly host: Host; readonly origin: string; readonly size: number },
): string | undefined {
  const { disk, signing } = host;
  const log = origin === signing?.signer.logKey.name ? OWN_LOG : [...disk.logs].find(([, each]) => each.origin === origin)?.[0];
  if (log === undefined) return size === 0 ? toHex(rootOf(EMPTY_EDGE)) : undefined;
  const logs = trees.get(disk) ?? new Map<LogNumber, Tree>();
  trees.set(disk, logs);
  const tree = logs.get(log) ?? { edge: EMPTY_EDGE, roots: new Map([[0, toHex(rootOf(EMPTY_EDGE))]]) };
  logs.set(log, tree);
  if (!tree.roots.has(size)) {
    // One that is smaller than what was looked at, and of a size that was passed over: from the beginning.
    if (size < tree.edge.size) tree.edge = EMPTY_EDGE;
    grow(tree, disk, { log, size });
  }
  return tree.roots.get(size);
}

/** Hashes what lies behind what was looked at, and leads up to this size. */
function grow(tree: Tree, disk: MemoryDisk, { log, size }: { readonly log: LogNumber; readonly size: number }): void {
  for (const { start, count, frame } of disk.groups.get(log) ?? []) {
    if (start + count <= tree.edge.size || tree.edge.size >= size) continue;
    for (const { entry } of [...groupItems(frame)].slice(tree.edge.size - start, size - start)) tree.edge = append(tree.edge, leafHash(entry)).edge;
  }
  tree.roots.set(tree.edge.size, toHex(rootOf(tree.edge)));
}

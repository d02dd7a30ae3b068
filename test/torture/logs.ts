import type { Listener } from './ask.ts';
import type { Cluster } from './cluster.ts';
import { leafHash, type Policy, readHead, rootsOf, sha256 } from './proofs.ts';
import { Violation } from './shadow.ts';

const TILE = 256;
const HASH = 32;

/** A log as it was rebuilt from what is served. */
export interface WholeLog {
  readonly leaves: readonly Uint8Array[];
  rootsAt(sizes: ReadonlySet<number>): ReadonlyMap<number, string>;
}

/** Below this a region serves the log that it mirrors (SPEC §2). */
export function mirrorOf(origin: string): string {
  return `/mirror/${sha256(Buffer.from(origin)).toString('hex')}`;
}

/**
 * Every log, from its origin and from each mirror: the entries hash to the tiles of level 0, those to the tiles above, all of it to the
 * signed root, and the copies are the same to the bit. By origin line.
 */
export async function readLogs(cluster: Cluster, policy: Policy): Promise<ReadonlyMap<string, WholeLog>> {
  const logs = new Map<string, WholeLog>();
  for (const region of cluster.regions) {
    const own = await rebuilt(region.local, '/log', policy);
    if (own === undefined) continue;
    for (const mirror of cluster.regions) {
      if (mirror === region) continue;
      const copy = await rebuilt(mirror.local, mirrorOf(own.origin), policy);
      if (copy?.size !== own.size || copy.root !== own.root)
        throw new Violation(`${mirror.id} serves another log of ${own.origin}: ${copy?.size} entries, not ${own.size}`);
    }
    logs.set(own.origin, { leaves: own.leaves, rootsAt: (sizes) => rootsOf(own.leaves, sizes) });
  }
  return logs;
}

interface Rebuilt {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly leaves: readonly Uint8Array[];
}

/** `undefined` where no checkpoint is served yet. */
async function rebuilt(listener: Listener, base: string, policy: Policy): Promise<Rebuilt | undefined> {
  const note = await listener.ask('GET', `${base}/checkpoint`);
  if (note?.status === 404) return undefined;
  const { origin, size, root } = readHead((note?.body ?? Buffer.alloc(0)).toString('utf8'), policy);
  const leaves: Uint8Array[] = [];
  for (let index = 0; index * TILE < size; index += 1) {
    const width = Math.min(TILE, size - index * TILE);
    const bundle = await resource(listener, `${base}/${tilePath('entries', index, width)}`);
    for (let at = 0; at < bundle.length; at += 2 + bundle.readUInt16BE(at)) leaves.push(leafHash(bundle.subarray(at + 2, at + 2 + bundle.readUInt16BE(at))));
  }
  if (leaves.length !== size) throw new Violation(`${base} serves ${leaves.length} entries where it has signed ${size}`);
  await checkTiles(listener, base, leaves);
  if (rootsOf(leaves, new Set([size])).get(size) !== root) throw new Violation(`the entries of ${base} do not lead to the root of ${origin} at ${size}`);
  return { origin, size, root, leaves };
}

/** Every tile of every level says what the entries come to. */
async function checkTiles(listener: Listener, base: string, leaves: readonly Uint8Array[]): Promise<void> {
  let row = leaves;
  for (let level = 0; row.length > 0; level += 1) {
    const above: Uint8Array[] = [];
    for (let index = 0; index * TILE < row.length; index += 1) {
      const expected = row.slice(index * TILE, (index + 1) * TILE);
      const tile = await resource(listener, `${base}/${tilePath(String(level), index, expected.length)}`);
      if (tile.length !== HASH * expected.length || !tile.equals(Buffer.concat(expected))) throw new Violation(`tile ${level}/${index} of ${base} is another`);
      if (expected.length === TILE) above.push(Buffer.from(rootsOf(expected, new Set([TILE])).get(TILE) ?? '', 'hex'));
    }
    row = above;
  }
}

async function resource(listener: Listener, path: string): Promise<Buffer> {
  const answer = await listener.ask('GET', path);
  if (answer?.status !== 200) throw new Violation(`${path} is not served: ${answer?.status}`);
  return answer.body;
}

/** C2SP tlog-tiles. */
function tilePath(level: string, index: number, width: number): string {
  const groups =
    String(index)
      .padStart(3 * Math.ceil(String(index).length / 3), '0')
      .match(/.{3}/g) ?? [];
  const path = groups.map((group, n) => (n === groups.length - 1 ? group : `x${group}`)).join('/');
  return `tile/${level}/${path}${width === TILE ? '' : `.p/${width}`}`;
}

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CLUSTER_DEFAULT } from '../../src/cli/cluster-keys.ts';
import { type Cluster, type Region, THRESHOLD } from './cluster.ts';
import type { WholeLog } from './logs.ts';
import { leafHash, rootsOf, sha256 } from './proofs.ts';
import { type Shadow, Violation } from './shadow.ts';

/*
 * What a stranger finds on the disks of regions that have stopped: the files by SQLite alone, their frames by docs/spec/spec.md §3.2 alone.
 * Nothing of the product reads here, so that it can't mend in reading what it has stored badly.
 */

/** Nobody here forks, forgets or rots: whatever befell the lines, the disks and the processes. */
const ACCUSATIONS: readonly string[] = ['forgot', 'remote-forgot', 'fork', 'rollback', 'rotten', 'two-instances'];
const ACCUSED = new RegExp(`^.* ERROR: Alarm (${ACCUSATIONS.join('|')}) for region (\\S+): .*$`, 'gm');
const STOPPED_OK = 0;
/** Where the schema has the region's own log, what plain remotes sent it, and the number of its last commit. */
const OWN = 1;
const RECEIVED = 2;
const COMMITS = 0;
const RECEIPT_KIND = 1;
const COMMITMENT_AT = 10;
const SALT_BYTES = 16;

/** What was read in files, all of it found good. */
export interface FilesReport {
  /** Entries hashed, in all files. */
  readonly fileEntries: number;
  /** Receipts opened by their salts. */
  readonly opened: number;
}

/** Stops the regions, and holds what they have logged and stored to what was promised. `logs`: as they were served, by origin. */
export async function checkFiles(cluster: Cluster, shadow: Shadow, logs: ReadonlyMap<string, WholeLog>): Promise<FilesReport> {
  const codes = await Promise.all(cluster.regions.map(({ daemon }) => daemon.end('SIGTERM')));
  for (const [n, code] of codes.entries()) if (code !== STOPPED_OK) throw new Violation(`${cluster.regions[n]?.id} ends with ${code} when it is asked to stop`);
  const holders = new Map<string, number>();
  let [fileEntries, opened] = [0, 0];
  for (const region of cluster.regions) {
    checkLog(cluster, region);
    checkEvidence(region);
    const stored = readStore(region, shadow, logs);
    for (const digest of stored.digests) holders.set(digest, (holders.get(digest) ?? 0) + 1);
    fileEntries += stored.entries;
    opened += stored.opened;
  }
  for (const { receipt_id: id, digest } of shadow.certain.values())
    if ((holders.get(digest) ?? 0) < THRESHOLD) throw new Violation(`${id} was told to have its quorum, and is in ${holders.get(digest) ?? 0} files`);
  return { fileEntries, opened };
}

/**
 * Does no fault of a round deserve it? But for one: the size that a mirror answers is signed by nobody, and where bits were turned on the
 * way it may have been a smaller one. That passes.
 */
export function isUndeserved(cluster: Cluster, by: string, { alarm, region }: { readonly alarm: string; readonly region: string }): boolean {
  return ACCUSATIONS.includes(alarm) && !(alarm === 'remote-forgot' && cluster.wasSpoiled(by, region));
}

/** One that came and went too: at rest nobody would see it. */
function checkLog(cluster: Cluster, { id, daemon }: Region): void {
  const { log } = daemon;
  for (const { 0: line, 1: alarm = '', 2: region = '', index } of log.matchAll(ACCUSED)) {
    const hasPassed = log.indexOf(`Alarm ${alarm} for region ${region} has ended`, index) >= 0;
    if (isUndeserved(cluster, id, { alarm, region }) || !hasPassed) throw new Violation(`${id} has raised an alarm that no fault of a round deserves: ${line}`);
  }
}

function checkEvidence({ id, disk }: Region): void {
  const folder = join(disk.path, 'data', 'evidence');
  const kept = existsSync(folder) ? readdirSync(folder) : [];
  if (kept.length > 0) throw new Violation(`${id} keeps evidence against somebody honest: ${kept.join(', ')}`);
}

interface Stored {
  readonly entries: number;
  readonly opened: number;
  /** Of the index, hex. */
  readonly digests: ReadonlySet<string>;
}

function readStore(region: Region, shadow: Shadow, logs: ReadonlyMap<string, WholeLog>): Stored {
  const database = new DatabaseSync(join(region.disk.path, 'data', 'receipts.db'), { readOnly: true });
  try {
    const index = readIndex(database);
    let [entries, opened] = [0, 0];
    for (const { log, size, root, origin } of database.prepare('SELECT log, size, root, origin FROM log WHERE log <> ?').all(COMMITS)) {
      const name = log === OWN ? `${CLUSTER_DEFAULT}/${region.id}/log/1` : String(origin);
      const where = `log ${log} (${log === RECEIVED ? 'received' : name}) of ${region.id}`;
      const read = readLog(database, Number(log), { where, index, shadow });
      if (read.leaves.length !== size) throw new Violation(`${where} has ${read.leaves.length} entries in its file, and says ${size}`);
      // Without keys, and of what was received, there is no tree.
      if (root !== null && rootsOf(read.leaves, new Set([size])).get(size) !== hex(root)) throw new Violation(`${where}: its file does not lead to its root`);
      checkServed(read.leaves, logs.get(name)?.leaves ?? [], where);
      checkTiles(database, Number(log), { leaves: read.leaves, where });
      entries += read.leaves.length;
      opened += read.opened;
    }
    if (opened !== index.places) throw new Violation(`${region.id} has ${index.places} receipts in its index and ${opened} in its logs`);
    for (const { receipt_id: id, digest } of shadow.durable.get(region.id)?.values() ?? [])
      if (!index.digests.has(digest)) throw new Violation(`${region.id} has acknowledged ${id}, and it is not in its file`);
    return { entries, opened, digests: index.digests };
  } finally {
    database.close();
  }
}

interface Index {
  /** `log/index` → digest: of all three tables that say where a receipt stands. */
  readonly at: ReadonlyMap<string, string>;
  readonly places: number;
  /** What counts: not what is refused. */
  readonly digests: ReadonlySet<string>;
}

function readIndex(database: DatabaseSync): Index {
  const first = database.prepare('SELECT id, log, idx, digest FROM receipt').all();
  const digestOf = new Map(first.map(({ id, digest }) => [String(id), hex(digest)]));
  const again = database.prepare('SELECT id, log, idx FROM receipt_again').all();
  const refused = database.prepare('SELECT id, log, idx, digest FROM refused_entry').all();
  const at = new Map<string, string>();
  for (const { log, idx, digest } of [...first, ...refused]) at.set(`${log}/${idx}`, hex(digest));
  for (const { id, log, idx } of again) at.set(`${log}/${idx}`, digestOf.get(String(id)) ?? 'none');
  return { at, places: first.length + again.length + refused.length, digests: new Set(digestOf.values()) };
}

/** Every group in order, every entry hashed, every receipt opened. */
function readLog(
  database: DatabaseSync,
  log: number,
  { where, index, shadow }: { readonly where: string; readonly index: Index; readonly shadow: Shadow },
): { readonly leaves: readonly Buffer[]; readonly opened: number } {
  const leaves: Buffer[] = [];
  let opened = 0;
  for (const { start, count, frame } of database.prepare('SELECT start, count, frame FROM entry_group WHERE log = ? ORDER BY start').iterate(log)) {
    if (start !== leaves.length) throw new Violation(`${where} has a group that begins at ${start} and not at ${leaves.length}`);
    for (const item of itemsOf(bufferOf(frame))) {
      const place = `${log}/${leaves.length}`;
      leaves.push(leafHash(item.entry));
      const receipt = receiptOf(item, `${where}: entry ${place}`);
      if (receipt === undefined) continue;
      opened += 1;
      if (index.at.get(place) !== receipt.digest) throw new Violation(`${where}: the index has another receipt at ${place}`);
      if (shadow.submitted.get(receipt.id)?.has(receipt.digest) !== true)
        throw new Violation(`${where} has ${receipt.id} with a content that nobody submitted`);
    }
    if (leaves.length !== start + Number(count)) throw new Violation(`${where}: the group at ${start} does not hold the ${count} entries it says`);
  }
  return { leaves, opened };
}

interface Item {
  readonly entry: Buffer;
  /** Empty where the entry stands for no receipt, as the salt is then. */
  readonly canonical: Buffer;
  readonly salt: Buffer;
}

/** SPEC §3.2: `lp16 entry | lp16 C | salt[16] if C is not empty`, one after another. */
function* itemsOf(frame: Buffer): Generator<Item> {
  for (let at = 0; at < frame.length; ) {
    const entry = frame.subarray(at + 2, at + 2 + frame.readUInt16BE(at));
    at += 2 + entry.length;
    const canonical = frame.subarray(at + 2, at + 2 + frame.readUInt16BE(at));
    at += 2 + canonical.length;
    const salt = frame.subarray(at, at + (canonical.length > 0 ? SALT_BYTES : 0));
    at += salt.length;
    yield { entry, canonical, salt };
  }
}

/** SPEC §1 and §2: the receipt whose digest the entry commits to. Of other kinds there is none. */
function receiptOf({ entry, canonical, salt }: Item, where: string): { readonly id: string; readonly digest: string } | undefined {
  const isReceipt = entry[1] === RECEIPT_KIND;
  if (isReceipt !== canonical.length > 0) throw new Violation(`${where} is of kind ${entry[1]} and ${isReceipt ? 'misses its' : 'brings a'} receipt`);
  if (!isReceipt) return undefined;
  const digest = sha256(Buffer.from('receipt-sync/receipt/v1\n'), canonical);
  if (!entry.subarray(COMMITMENT_AT).equals(sha256(Buffer.from('RSc1'), salt, digest))) throw new Violation(`${where} is not opened by its salt`);
  return { id: canonical.toString('utf8', 3, 3 + canonical.readUInt16BE(1)), digest: digest.toString('hex') };
}

/** What was served under a signature is what lies there. More may have come since. */
function checkServed(stored: readonly Buffer[], served: readonly Uint8Array[], where: string): void {
  for (const [n, leaf] of served.entries()) if (stored[n]?.equals(leaf) !== true) throw new Violation(`${where}: entry ${n} of the file is not the one served`);
}

/** Tiles are stored once they are full: 256 hashes each. */
function checkTiles(database: DatabaseSync, log: number, { leaves, where }: { readonly leaves: readonly Uint8Array[]; readonly where: string }): void {
  const select = database.prepare('SELECT hashes FROM tile WHERE log = ? AND level = ? AND idx = ?');
  const isTree = log !== RECEIVED && database.prepare('SELECT root FROM log WHERE log = ?').get(log)?.['root'] !== null;
  for (let level = 0, row = leaves; isTree && row.length >= 256; level += 1) {
    const above: Uint8Array[] = [];
    for (let n = 0; (n + 1) * 256 <= row.length; n += 1) {
      const expected = row.slice(n * 256, (n + 1) * 256);
      if (!bufferOf(select.get(log, level, n)?.['hashes']).equals(Buffer.concat(expected))) throw new Violation(`${where}: tile ${level}/${n} is another`);
      above.push(Buffer.from(rootsOf(expected, new Set([256])).get(256) ?? '', 'hex'));
    }
    row = above;
  }
}

function bufferOf(value: unknown): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.alloc(0);
}

function hex(value: unknown): string {
  return bufferOf(value).toString('hex');
}

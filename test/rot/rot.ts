import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Random } from '../../sim/random.ts';
import { openSqliteStore } from '../../src/adapters/store-sqlite/store.ts';
import type { Finding } from '../../src/audit/finding.ts';
import { auditStore, type StoreAudit } from '../../src/audit/store-audit.ts';
import { ReceiptSyncError } from '../../src/errors.ts';
import { ReceiptSyncManager, signingOf } from '../../src/manager.ts';
import type { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { sha256, toHex, utf8Bytes } from '../../src/std/bytes.ts';
import { type TileName, tilePath } from '../../src/tlog/tile.ts';
import { verifyCertificate } from '../../src/verify.ts';
import { MirroredCluster, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';

const OWN = 600;
const MIRRORED = 300;
const RECEIVED = 20;
const MIRROR_HASH = toHex(sha256(utf8Bytes('test.example.com/there/log/1')));

/** Where a bit may turn over: a blob of the database, and what it is. */
interface Blob {
  readonly what: string;
  readonly bytes: Uint8Array;
}

/** A region that was stopped, with receipts in its own log, a mirrored one and the received one. */
export interface StoppedRegion {
  readonly config: MultiRegionConfig;
  readonly database: Buffer;
  readonly frames: readonly Blob[];
  readonly tiles: readonly Blob[];
  readonly digests: readonly Blob[];
}

/** Fills a region, stops it, and calls `use` with what it left on the disk. */
export async function withStoppedRegion(use: (stopped: StoppedRegion) => Promise<void>): Promise<void> {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const [here, there] = [cluster.region('here'), cluster.region('there')];
  // Groups of different sizes, as traffic makes them.
  for (let n = 0; n < OWN; n += 60) await Promise.all(Array.from({ length: 60 }, (_, m) => here.manager.syncReceipt(receiptOf(n + m))));
  for (let n = 0; n < MIRRORED; n += 50) await Promise.all(Array.from({ length: 50 }, (_, m) => there.manager.syncReceipt(receiptOf(`there-${n + m}`))));
  const plain = Array.from({ length: RECEIVED }, (_, n) => ({
    receipt_id: `plain-${n}`,
    transaction_id: '',
    hash: '00ff',
    ticks: 1,
    span_id: n,
    committed: true,
  }));
  const response = await fetch(`${here.url}/receipt-sync`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(plain) });
  assert.equal(response.status, 200);
  await until('both certify all', async () => {
    const last = [here.manager.getCertificate(`rec-${OWN - 1}`), here.manager.getCertificate(`rec-there-${MIRRORED - 1}`)];
    return (await Promise.allSettled(last)).every(({ status }) => status === 'fulfilled');
  });
  await here.stop();
  await there.stop();
  const file = join(here.config.dataDir, 'receipts.db');
  using database = new DatabaseSync(file, { readOnly: true });
  const blobs = (sql: string): readonly Blob[] =>
    database
      .prepare(sql)
      .all()
      .map((row) => ({ what: String(row['what']), bytes: row['blob'] instanceof Uint8Array ? row['blob'] : new Uint8Array() }));
  const frames = blobs("SELECT 'frame of log ' || log || ' from ' || start AS what, frame AS blob FROM entry_group");
  const tiles = blobs("SELECT 'tile ' || log || '/' || level || '/' || idx AS what, hashes AS blob FROM tile");
  const digests = blobs("SELECT 'digest of ' || id || ' in log ' || log AS what, digest AS blob FROM receipt");
  assert.deepEqual([frames.length > 10, tiles.length, digests.length], [true, 3, OWN + MIRRORED + RECEIVED]);
  await use({ config: here.config, database: readFileSync(file), frames, tiles, digests });
}

/** Turns one bit over, somewhere in the blobs, in a copy of the region; says what it was. */
export function rotten(stopped: StoppedRegion, random: Random, folder: string): { readonly config: MultiRegionConfig; readonly what: string } {
  const { config, database } = stopped;
  const blob = random.pick(random.pick([stopped.frames, stopped.frames, stopped.tiles, stopped.digests]));
  const at = random.below(blob.bytes.length);
  const start = Math.max(0, Math.min(at - 12, blob.bytes.length - 24));
  const window = blob.bytes.subarray(start, start + 24);
  const offset = database.indexOf(window);
  // Where a page ends within it, or the same bytes stand somewhere else: another place.
  if (offset === -1 || database.indexOf(window, offset + 1) !== -1) return rotten(stopped, random, folder);
  const bit = random.below(8);
  const copy = copyOf(config, folder);
  const changed = Buffer.from(database);
  changed[offset + at - start] = (changed[offset + at - start] ?? 0) ^ (1 << bit);
  writeFileSync(join(copy.dataDir, 'receipts.db'), changed);
  return { config: copy, what: `bit ${bit} of byte ${at} of the ${blob.what}` };
}

/** The region's disk in another place, its lock beside it. */
export function copyOf(config: MultiRegionConfig, folder: string): MultiRegionConfig {
  mkdirSync(folder, { recursive: true });
  const dataDir = join(folder, 'data');
  cpSync(config.dataDir, dataDir, { recursive: true });
  cpSync(`${config.dataDir}.lock`, `${dataDir}.lock`);
  return config.withDataDir(dataDir);
}

/** The audit of a store as it lies on the disk. */
export async function auditedOffline(
  config: MultiRegionConfig,
  limit?: number,
): Promise<{ readonly audit: StoreAudit; readonly findings: readonly Finding[] }> {
  const store = await openSqliteStore({ dataDir: config.dataDir, region: config.region, cluster: config.cluster, signs: true });
  const findings: Finding[] = [];
  const policy = signingOf(config)?.cluster.policy;
  const rest = async (): Promise<void> => undefined;
  const onFinding = (finding: Finding): void => void findings.push(finding);
  try {
    const audit = await auditStore({ store, region: config.region, policy, limit, structure: true, rest, onFinding, onProgress: () => undefined });
    return { audit, findings };
  } finally {
    await store.close();
  }
}

/** Everything that a region gives out, by what was asked: an answer, or the code of the refusal. */
export type Served = ReadonlyMap<string, string>;

/** Opens the region and asks it for all it holds. `undefined`: it does not start, and so serves nothing. */
export async function served(config: MultiRegionConfig): Promise<{ readonly answers: Served; readonly findings: number } | undefined> {
  const manager = await ReceiptSyncManager.open(config).catch((error: unknown) => {
    if (error instanceof ReceiptSyncError && error.code === 'STORE_FAILED') return undefined;
    throw error;
  });
  if (manager === undefined) return undefined;
  try {
    const answers = new Map<string, string>();
    const ask = async (what: string, read: () => Promise<unknown>): Promise<void> => void answers.set(what, await answerOf(read));
    const ids = [
      ...Array.from({ length: OWN }, (_, n) => `rec-${n}`),
      ...Array.from({ length: MIRRORED }, (_, n) => `rec-there-${n}`),
      ...Array.from({ length: RECEIVED }, (_, n) => `plain-${n}`),
    ];
    for (const id of ids) await ask(`get ${id}`, () => manager.getStored(id));
    for (const id of ids.filter((_, n) => n % 7 === 0)) await ask(`certificate ${id}`, () => checkedCertificate(manager, config, id));
    const page = await manager.list({ limit: 1_000 });
    for (const { stored } of page.receipts) answers.set(`listed ${stored.receipt.receiptId}`, textOf(stored));
    for (const [log, name] of RESOURCES) await ask(`${log ?? 'own'} ${tilePath(name)}`, async () => manager.servedLog(log)?.resource(name));
    answers.set('mirror checkpoint', textOf(manager.servedLog(MIRROR_HASH)?.checkpoint()));
    const { signatureFailures, chainBreaks } = await manager.audit({ onFinding: () => undefined, onProgress: () => undefined });
    return { answers, findings: signatureFailures + chainBreaks };
  } finally {
    await manager.close({ timeout: 0 });
  }
}

const RESOURCES: readonly (readonly [string | undefined, TileName])[] = [
  ...[256, 256, 88].flatMap((width, index) => (['tile', 'entries'] as const).map((kind) => [undefined, { kind, level: 0, index, width }] as const)),
  [undefined, { kind: 'tile', level: 1, index: 0, width: 2 }],
  ...[256, 44].flatMap((width, index) => (['tile', 'entries'] as const).map((kind) => [MIRROR_HASH, { kind, level: 0, index, width }] as const)),
];

/** A certificate that is given out verifies, or the test ends here. */
async function checkedCertificate(manager: ReceiptSyncManager, config: MultiRegionConfig, id: string): Promise<string> {
  const certificate = await manager.getCertificate(id);
  const n = id.slice('rec-'.length);
  const { valid, checks } = await verifyCertificate({ certificate, receipt: receiptOf(n), policy: signingOf(config)?.cluster.policyText ?? '' });
  assert.ok(valid, `${id}: ${JSON.stringify(checks)}`);
  return 'a certificate that verifies';
}

async function answerOf(read: () => Promise<unknown>): Promise<string> {
  try {
    return textOf(await read());
  } catch (error) {
    if (error instanceof ReceiptSyncError) return `refused: ${error.code}`;
    throw error;
  }
}

function textOf(value: unknown): string {
  const json = JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part instanceof Uint8Array ? toHex(part) : part));
  return json ?? 'nothing';
}

/** What of the answers is another one than it was, and no refusal for having rotted. */
export function wrong(answers: Served, truth: Served): readonly string[] {
  const differs = [...answers].filter(([what, answer]) => answer !== truth.get(what) && answer !== 'refused: ROTTEN');
  return differs.map(([what, answer]) => `${what}: ${answer.slice(0, 300)}`);
}

/** How many of the truth's answers are refused, or left out of a listing. */
export function withheld(answers: Served, truth: Served): number {
  return [...truth.keys()].filter((what) => answers.get(what) !== truth.get(what)).length;
}

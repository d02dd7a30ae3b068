import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ReceiptSyncError } from '../../errors.ts';
import { canonicalBytes } from '../../receipt/canonical.ts';
import type { Receipt } from '../../receipt/receipt.ts';
import { durationMs } from '../../std/duration.ts';
import { CommandFailure, EXIT } from '../exit.ts';
import { auditOver } from '../sidecar-audit.ts';
import type { RegionProcess } from './region-process.ts';

/** What stands behind the hash in canonical bytes: ticks, span_id, committed (SPEC §1). */
const TAIL_BYTES = 13;
/** Receipts tried, at random: one that has not arrived yet is passed over. */
const TRIES_MAX = 200;

/** `REGION@2s`: so long after the first receipt a byte of that region's store is changed. */
export interface TamperPlan {
  readonly region: string;
  readonly atMs: number;
}

/** What became of it. */
export interface TamperReport {
  readonly region: string;
  readonly receiptId: string;
  /** By `receipts verify-chain`. */
  readonly found: boolean;
  /** Did the region give the receipt out all the same? */
  readonly served: boolean;
  /** Did it count when another region asked all? */
  readonly counted: boolean;
  /** What the others say of the receipt meanwhile. */
  readonly verdict: string;
}

export function parseTamper(text: string, regions: readonly string[]): TamperPlan {
  const [, region = '', at] = /^([^@]+)@([0-9]+[a-z]+)$/.exec(text) ?? [];
  const atMs = durationMs(at);
  if (atMs === undefined) throw new CommandFailure(EXIT.usage, `--tamper ${text} must be REGION@2s`);
  if (!regions.includes(region)) throw new CommandFailure(EXIT.usage, `--tamper ${text}: the regions are ${regions.join(', ')}`);
  return { region, atMs };
}

/**
 * Stops a region, changes one byte of one receipt in its database, starts it again, and looks what comes of it: as a disk does that rots. Not while it runs:
 * SQLite mends a page that it has in memory the next time it writes it. `undefined`: none of these receipts is stored there.
 */
export async function tamper(region: RegionProcess, receipts: readonly Receipt[], others: readonly RegionProcess[]): Promise<TamperReport | undefined> {
  await region.halt();
  const tried = receipts.toSorted(() => Math.random() - 0.5).slice(0, TRIES_MAX);
  const receipt = tried.find((each) => flipByte(join(region.dataDir, 'receipts.db'), each));
  await region.start();
  if (receipt === undefined) return undefined;
  const { receiptId } = receipt;
  const { findings } = await auditOver(region.client, undefined, () => undefined);
  const verification = await others.find(({ isUp }) => isUp)?.client.verify(receiptId);
  return {
    region: region.id,
    receiptId,
    found: findings.some(({ kind }) => kind === 'receipt'),
    served: await isServed(region, receiptId),
    counted: verification?.regions.some((each) => each.region === region.id && each.state === 'confirmed') ?? false,
    verdict: verification?.verdict ?? 'unknown',
  };
}

async function isServed(region: RegionProcess, receiptId: string): Promise<boolean> {
  try {
    return (await region.client.getReceiptJson(receiptId)) !== undefined;
  } catch (error) {
    if (error instanceof ReceiptSyncError && error.code === 'ROTTEN') return false;
    throw error;
  }
}

/** True if the receipt is stored there: the first byte of its hash is another one now. Not by its place in the file: pages that were split leave old copies. */
function flipByte(path: string, receipt: Receipt): boolean {
  const canonical = canonicalBytes(receipt);
  using database = new DatabaseSync(path);
  const row = database.prepare('SELECT seq, frame FROM entry_group WHERE instr(frame, ?) > 0').get(canonical);
  if (!(row?.['frame'] instanceof Uint8Array)) return false;
  const frame = Buffer.from(row['frame']);
  const at = frame.indexOf(canonical) + canonical.length - TAIL_BYTES - receipt.hash.length;
  frame[at] = (frame[at] ?? 0) ^ 1;
  database.prepare('UPDATE entry_group SET frame = ? WHERE seq = ?').run(frame, Number(row['seq']));
  return true;
}

/** A line for people. */
export function tamperText({ region, receiptId, found, served, counted, verdict }: TamperReport): string {
  const what = [found ? 'found' : 'NOT found', served ? 'SERVED' : 'not served', counted ? 'COUNTED' : 'not counted'].join(', ');
  return `${region}: a byte of ${receiptId.slice(0, 24)} was changed: ${what}; the others say ${verdict}`;
}

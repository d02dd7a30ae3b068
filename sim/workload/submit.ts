import { ReceiptConflictError, ReceiptSyncError } from '../../src/errors.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import type { SyncResult } from '../../src/region/sync-result.ts';
import type { SyncOptions } from '../../src/replication/sync.ts';
import { Violation } from '../checkers/checker.ts';
import type { Host } from '../host.ts';
import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';
import { shaped } from './shapes.ts';

/** A receipt of the simulator: its ticks are its content. */
export function receiptOf(receiptId: string, ticks = 1): Receipt {
  return { receiptId, transactionId: '', hash: Uint8Array.of(1), ticks, spanId: 1n, committed: true };
}

/** Brings a receipt to a region and waits, as one or another kind of caller does. */
export async function submit(stage: Stage, host: Host, receipt: Receipt, random: Random): Promise<void> {
  if (host.region === undefined) return;
  const waitFor = random.pick(['quorum', 'all', 'local'] as const);
  const gaveUp = stage.clock.sleep(500 + random.below(20_000));
  await bring(stage, host, receipt, { gaveUp, options: () => ({ waitFor, deadlineMs: random.chance(0.3) ? random.below(3_000) : undefined }) });
}

/** The reason of a caller's signal. */
export const WENT_AWAY: Error = new Error('The caller went away');

/** How long a caller waits, and how it asks. */
export interface Patience {
  readonly gaveUp: Promise<void>;
  readonly options: () => SyncOptions;
}

/** The same with a patience of the caller's, and a receipt as long as this world has them; the result, or why there is none. */
export async function bring(
  stage: Stage,
  host: Host,
  short: Receipt,
  { gaveUp, options }: Patience,
): Promise<SyncResult | 'gave up' | 'went away' | 'down' | 'gone' | ReceiptSyncError> {
  const { region } = host;
  if (region === undefined) return 'down';
  const receipt = shaped(stage, short);
  if (receipt !== short) stage.count('long receipts');
  const life = host.starts;
  try {
    const answer = region.sync(receipt, options());
    stage.asked(host, receipt.receiptId, answer);
    const result = await Promise.race([answer, gaveUp]);
    // A caller of a process that has died hears nothing.
    if (host.starts !== life || host.region === undefined) return 'gone';
    if (typeof result !== 'object') return 'gave up';
    stage.returned(host, result);
    return result;
  } catch (error) {
    if (error === WENT_AWAY) return 'went away';
    if (!(error instanceof ReceiptSyncError)) {
      stage.failed(error);
      return 'gone';
    }
    // R4: a repeat is a duplicate.
    if (error instanceof ReceiptConflictError && error.digest === error.offeredDigest)
      stage.failed(new Violation(`seed ${stage.seed}: a repeat is no conflict: ${host.id} refuses ${receipt.receiptId} for the content that it holds`));
    stage.count(`refused ${error.code}`);
    return error;
  }
}

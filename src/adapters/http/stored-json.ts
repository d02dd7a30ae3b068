import { recordedAtMs } from '../../log/entry.ts';
import { OWN_LOG } from '../../ports/log-store.ts';
import type { StoredReceipt } from '../../ports/receipt-index.ts';
import { receiptJson } from '../../receipt/wire.ts';
import { toHex } from '../../std/bytes.ts';
import { rfc3339 } from '../../std/time.ts';

/** Above this a receipt is over budget: marked, never refused (SPEC §1). */
const TICKS_BUDGET = 8;

/** The full form of a receipt (CONTRACT §4): the six fields, its digest, and where it stands; `more` members as the listener adds them. */
export function storedJson(stored: StoredReceipt, regionId: string, more: Readonly<Record<string, unknown>> = {}): string {
  const origins = stored.places.map(({ log, index, recordedAt }) => ({
    region: regionId,
    log: log === OWN_LOG ? 'own' : 'received',
    index,
    recorded_at: rfc3339(recordedAtMs(recordedAt)),
  }));
  const rest = JSON.stringify({
    over_budget: stored.receipt.ticks > TICKS_BUDGET,
    digest: toHex(stored.digest),
    region_id: regionId,
    origins,
    refused: [],
    ...more,
  });
  return `${receiptJson(stored.receipt).slice(0, -1)},${rest.slice(1)}`;
}

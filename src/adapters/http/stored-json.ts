import { recordedAtMs } from '../../log/entry.ts';
import { type LogNumber, OWN_LOG, RECEIVED_LOG } from '../../ports/log-store.ts';
import type { StoredReceipt } from '../../ports/receipt-index.ts';
import { receiptJson } from '../../receipt/wire.ts';
import { toHex } from '../../std/bytes.ts';
import { rfc3339 } from '../../std/time.ts';

/** Above this a receipt is over budget: marked, never refused (SPEC §1). */
const TICKS_BUDGET = 8;

/** Whose store it is, and whose logs it mirrors. */
export interface Whose {
  readonly regionId: string;
  readonly originOf: (log: LogNumber) => string | undefined;
}

/** The full form of a receipt (CONTRACT §4): the six fields, its digest, and where it stands; `more` members as the listener adds them. */
export function storedJson(stored: StoredReceipt, { regionId, originOf }: Whose, more: Readonly<Record<string, unknown>> = {}): string {
  const origins = stored.places.map(({ log, index, recordedAt }) => ({
    region: originOf(log) ?? regionId,
    log: log === OWN_LOG ? 'own' : log === RECEIVED_LOG ? 'received' : 'mirrored',
    index,
    recorded_at: rfc3339(recordedAtMs(recordedAt)),
  }));
  const rest = JSON.stringify({
    over_budget: stored.receipt.ticks > TICKS_BUDGET,
    digest: toHex(stored.digest),
    region_id: regionId,
    origins,
    refused: refusedOf(stored, { regionId, originOf }),
    ...more,
  });
  return `${receiptJson(stored.receipt).slice(0, -1)},${rest.slice(1)}`;
}

/** Other contents under the id that this region refuses: in whose log, and where (SPEC §6). */
export function refusedOf(
  { refused }: StoredReceipt,
  { regionId, originOf }: Whose,
): readonly { readonly digest: string; readonly region: string; readonly index: number }[] {
  return refused.map(({ digest, log, index }) => ({ digest: toHex(digest), region: originOf(log) ?? regionId, index }));
}

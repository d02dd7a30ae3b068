import { randomBytes } from 'node:crypto';
import type { Receipt } from 'receipt-sync';

const POOL = 256;

/**
 * Receipts of exactly `size` bytes of JSON, as the peers' drivers make them: an id, and one of some ready-made rests. `span_id` is
 * decimal, as our wire format takes it; `pad` is a member that no receipt has, so it is read and not stored.
 */
export function receiptLines(size: number): (id: string) => string {
  const rests = Array.from({ length: POOL }, () => {
    const hash = randomBytes(32).toString('hex');
    const span = randomBytes(8).readBigUInt64BE();
    return `","transaction_id":"tx-${randomBytes(8).toString('hex')}","hash":"${hash}","ticks":4,"span_id":${span},"committed":true`;
  });
  let n = 0;
  return (id) => {
    n = (n + 1) % POOL;
    const text = `{"receipt_id":"${id}${rests[n]}`;
    const pad = size - text.length - 1 - ',"pad":""'.length;
    return pad > 0 ? `${text},"pad":"${'x'.repeat(pad)}"}` : `${text}}`;
  };
}

/** The same as an application has them that calls the library. */
export function receiptObjects(): (id: string) => Receipt {
  const rests = Array.from({ length: POOL }, () => ({
    transactionId: `tx-${randomBytes(8).toString('hex')}`,
    hash: new Uint8Array(randomBytes(32)),
    ticks: 4,
    spanId: randomBytes(8).readBigUInt64BE(),
    committed: true,
  }));
  let n = 0;
  return (receiptId) => {
    n = (n + 1) % POOL;
    const rest = rests[n];
    if (rest === undefined) throw new Error('The pool is never empty');
    return { receiptId, ...rest };
  };
}

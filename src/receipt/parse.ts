import { InvalidReceiptError } from '../errors.ts';
import { checkHash, checkId, U32_MAX, U64_MAX } from './limits.ts';
import type { Receipt } from './receipt.ts';

/**
 * A Receipt of what a library caller hands in (CONTRACT §1, camelCase). The hash is copied: changing it afterwards changes
 * nothing here. `spanId` is a bigint, or a safe integer. Throws InvalidReceiptError naming the wire field.
 */
export function parseReceipt(input: unknown): Receipt {
  if (typeof input !== 'object' || input === null) throw new InvalidReceiptError('', 'A receipt must be an object');
  const fields: { readonly [Key in keyof Receipt]?: unknown } = input;
  const { receiptId, transactionId, hash, ticks, spanId, committed } = fields;
  if (typeof receiptId !== 'string') throw new InvalidReceiptError('receipt_id', 'must be a string');
  if (typeof transactionId !== 'string') throw new InvalidReceiptError('transaction_id', 'must be a string');
  if (!(hash instanceof Uint8Array)) throw new InvalidReceiptError('hash', 'must be a Uint8Array');
  if (typeof ticks !== 'number' || !Number.isInteger(ticks) || ticks < 0 || ticks > U32_MAX)
    throw new InvalidReceiptError('ticks', 'must be an integer from 0 to 4294967295');
  if (typeof committed !== 'boolean') throw new InvalidReceiptError('committed', 'must be true or false');
  return {
    receiptId: checkId('receipt_id', receiptId),
    transactionId: checkId('transaction_id', transactionId),
    hash: Uint8Array.from(checkHash(hash)),
    ticks: ticks + 0,
    spanId: spanOf(spanId),
    committed,
  };
}

function spanOf(spanId: unknown): bigint {
  const span = typeof spanId === 'number' && Number.isSafeInteger(spanId) ? BigInt(spanId) : spanId;
  if (typeof span !== 'bigint' || span < 0n || span > U64_MAX) throw new InvalidReceiptError('span_id', 'must be a bigint from 0 to 18446744073709551615');
  return span;
}

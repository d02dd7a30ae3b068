import { HASH_BYTES_MAX, ID_BYTES_MAX, U64_MAX } from '../../src/receipt/limits.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { utf8Bytes } from '../../src/std/bytes.ts';
import { Random } from '../random.ts';
import type { Stage } from '../stage.ts';

/** Of one to four bytes of UTF-8. */
const LETTERS = ['x', 'é', '漢', '😀'] as const;

/** In some seeds receipts are as long as they may be, ids of letters that take several bytes among them. The same receipt has always the same shape. */
export function shaped(stage: Pick<Stage, 'seed' | 'has'>, receipt: Receipt): Receipt {
  if (!stage.has('long receipts') || !new Random(stage.seed ^ 0x10_6e50).chance(0.1)) return receipt;
  // Of the id alone: two contents of one id differ in what they differed in before.
  const random = new Random(seedOf(receipt.receiptId) ^ stage.seed);
  const receiptId = random.chance(0.3) ? receipt.receiptId : filled(`${receipt.receiptId}/`, random);
  const transactionId = random.chance(0.3) ? receipt.transactionId : filled('', random);
  const hash = random.bytes(random.chance(0.5) ? HASH_BYTES_MAX : 1 + random.below(HASH_BYTES_MAX));
  return { ...receipt, receiptId, transactionId, hash, spanId: random.chance(0.3) ? U64_MAX : receipt.spanId, committed: random.chance(0.5) };
}

/** Up to the limit, to the byte, or to any length below it. */
function filled(beginning: string, random: Random): string {
  const letter = random.pick(LETTERS);
  const most = random.chance(0.5) ? ID_BYTES_MAX : Math.max(beginning.length, 1) + random.below(ID_BYTES_MAX - beginning.length);
  const left = most - utf8Bytes(beginning).length;
  const letters = letter.repeat(Math.floor(left / utf8Bytes(letter).length));
  return beginning + letters + 'y'.repeat(left - utf8Bytes(letters).length);
}

/** FNV-1a. */
function seedOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (const byte of utf8Bytes(text)) hash = Math.imul(hash ^ byte, 0x0100_0193) >>> 0;
  return hash;
}

import type { StoredReceipt } from '../../src/ports/receipt-index.ts';
import { canonicalBytes, receiptDigest } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/** What a reader was given. */
export interface Read {
  readonly given: readonly StoredReceipt[];
  /** Receipts that must be among them: they were on the disk before anybody asked. */
  readonly owed: readonly string[];
}

/**
 * R1, R6: what is read is what was stored: the content has the digest that stands beside it, and both are what the index of the disk was
 * written with; what has rotted is refused instead. Each receipt comes once, and none that is on the disk is left out.
 */
export function readBack(): Checker {
  return {
    name: 'what is read is what was stored',
    holdsBeyond: true,
    read: (host, { given, owed }) => {
      for (const stored of given) checkContent(host, stored);
      const ids = new Set(given.map(({ receipt }) => receipt.receiptId));
      if (ids.size < given.length) throw new Violation(`${host.id} gives a receipt twice`);
      const missing = owed.find((id) => !ids.has(id));
      if (missing !== undefined) throw new Violation(`${host.id} has ${missing} on its disk, and leaves it out`);
    },
    finished: () => undefined,
  };
}

function checkContent({ id, disk }: Host, { receipt, digest, places }: StoredReceipt): void {
  const held = disk.index.get(receipt.receiptId);
  const content = toHex(receiptDigest(canonicalBytes(receipt)));
  if (content !== toHex(digest)) throw new Violation(`${id} gives a content of ${receipt.receiptId} that has not the digest beside it`);
  if (held === undefined || content !== toHex(held.digest)) throw new Violation(`${id} gives a content of ${receipt.receiptId} that its disk was not given`);
  const stray = places.find(({ log, index }) => !held.places.some((place) => place.log === log && place.index === index));
  if (stray !== undefined) throw new Violation(`${id} says that ${receipt.receiptId} is entry ${stray.index} of log ${stray.log}, and it is not`);
}

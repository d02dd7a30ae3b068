import { CANONICAL_BYTES_MAX, checkedCanonical, receiptDigest } from '../receipt/canonical.ts';
import { equalBytes } from '../std/bytes.ts';
import { commitment, entryCommitment, entryKind, isEntry, KIND_RECEIPT } from './entry.ts';
import type { GroupItem } from './group.ts';

/** What an entry and what lies beside it are, looked at by themselves: content → digest → commitment → entry (SPEC §3.2 c). */
export type ItemReading =
  | { readonly kind: 'receipt'; readonly id: string; readonly digest: Uint8Array }
  /** An entry without a receipt: of another kind, or one whose receipt is not here. */
  | { readonly kind: 'bare' }
  | { readonly kind: 'unsound'; readonly problem: string };

/** Reads an item that may come from anywhere. Three hashes; where it stands in the log is another question. */
export function readItem({ entry, canonical, salt }: GroupItem): ItemReading {
  if (!isEntry(entry)) return unsound('no entry');
  if (canonical.length === 0) return { kind: 'bare' };
  if (entryKind(entry) !== KIND_RECEIPT || canonical.length > CANONICAL_BYTES_MAX) return unsound('a receipt where there can be none');
  const id = checkedCanonical(canonical);
  if (id === undefined) return unsound('no canonical receipt');
  const digest = receiptDigest(canonical);
  return equalBytes(entryCommitment(entry), commitment(salt, digest))
    ? { kind: 'receipt', id, digest }
    : unsound('a receipt that its entry does not commit to');
}

function unsound(problem: string): ItemReading {
  return { kind: 'unsound', problem };
}

import { CANONICAL_BYTES_MAX, receiptDigest } from '../receipt/canonical.ts';
import { equalBytes } from '../std/bytes.ts';
import type { Group, NewGroup } from './changes.ts';
import { commitment, entryCommitment, RECEIPT_ENTRY_BYTES } from './entry.ts';
import { groupItems, isWholeFrame } from './group.ts';

/** A group that came from elsewhere, with its digests computed afresh; `undefined` where content, salt and entry do not belong together. */
export function checkedGroup(group: Group): NewGroup | undefined {
  if (!isWholeFrame(group.frame)) return undefined;
  const digests: Uint8Array[] = [];
  for (const { entry, canonical, salt } of groupItems(group.frame)) {
    if (canonical.length === 0 || canonical.length > CANONICAL_BYTES_MAX || entry.length !== RECEIPT_ENTRY_BYTES) return undefined;
    const digest = receiptDigest(canonical);
    if (!equalBytes(entryCommitment(entry), commitment(salt, digest))) return undefined;
    digests.push(digest);
  }
  if (digests.length !== group.count) return undefined;
  const { log, start, count, frame } = group;
  return { log, start, count, frame, digests: Buffer.concat(digests) };
}

import { ReceiptSyncError } from '../errors.ts';
import { parseLogText } from '../log/log-text.ts';
import { equalBytes, toBase64 } from '../std/bytes.ts';
import { parseNote } from '../tlog/note.ts';
import type { Findings } from './finding.ts';
import type { Head } from './tree.ts';

/**
 * How what is signed now stands to the last checkpoint that was seen. `behind`: smaller, and from a mirror, which may be. `inconsistent`: no
 * log can have had both. `untold`: this tree can't be read far enough to tell.
 */
export type History = 'first' | 'same' | 'grown' | 'behind' | 'inconsistent' | 'untold';

/** Compares a log with the last checkpoint that was seen of it. `rootAt`: the root that the log had at a size, chained to the signed one. */
export async function checkHistory(
  now: Head & { readonly origin: string },
  last: { readonly seen: string | undefined; readonly mayLag: boolean; readonly rootAt: ((size: number) => Promise<Uint8Array>) | undefined },
  findings: Findings,
): Promise<History> {
  if (last.seen === undefined) return 'first';
  const seen = parseLogText(parseNote(last.seen).text);
  const bad = (message: string): 'inconsistent' => {
    findings.add({ kind: 'history', log: now.origin, message });
    return 'inconsistent';
  };
  if (seen.origin !== now.origin) return bad(`The checkpoint that was seen is of ${seen.origin.slice(0, 200)}`);
  if (now.size < seen.size) return last.mayLag ? 'behind' : bad(`The log has ${now.size} entries, and was seen with ${seen.size}`);
  const root = now.size === seen.size ? now.root : await rootOrNothing(last.rootAt, seen.size);
  if (root === undefined) {
    findings.add({ kind: 'history', log: now.origin, message: `Whether the log has grown from the ${seen.size} entries that were seen can not be told` });
    return 'untold';
  }
  if (!equalBytes(root, seen.root)) return bad(`At ${seen.size} entries the log has the root ${toBase64(root)}, and was seen with ${toBase64(seen.root)}`);
  return now.size === seen.size ? 'same' : 'grown';
}

async function rootOrNothing(rootAt: ((size: number) => Promise<Uint8Array>) | undefined, size: number): Promise<Uint8Array | undefined> {
  try {
    return await rootAt?.(size);
  } catch (error) {
    if (error instanceof ReceiptSyncError && error.code === 'ROTTEN') return undefined;
    throw error;
  }
}

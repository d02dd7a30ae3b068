import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type JournalRecord, recordsOf } from '../../src/adapters/store-sqlite/journal-record.ts';

/** The key of a store's journal; the store must not be open. */
export function journalKey(dataDir: string): Uint8Array {
  const database = new DatabaseSync(join(dataDir, 'receipts.db'));
  try {
    return Buffer.from(String(database.prepare("SELECT value FROM meta WHERE key = 'journal_key'").get()?.['value']), 'hex');
  } finally {
    database.close();
  }
}

/** What a lock file holds, in the order of commits. */
export function recordsIn(lock: string, dataDir: string): readonly JournalRecord[] {
  return recordsOf(journalKey(dataDir), readFileSync(lock)).toSorted((a, b) => a.number - b.number);
}

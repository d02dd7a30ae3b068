import type { DatabaseSync } from 'node:sqlite';
import { LockFile } from './lock-file.ts';

/** A store that was opened: whether it may be signed for. */
export interface StartedStore {
  readonly storeId: string;
  readonly starts: number;
  readonly forgot: string | undefined;
  readonly lockFile: LockFile | undefined;
}

/**
 * The first step of SPEC §2.1: same store, lock not ahead. Otherwise this region remembers less than it signed; the lock is left as
 * it is, for it says what was signed.
 */
export function startSigning(
  database: DatabaseSync,
  opened: { readonly dataDir: string; readonly signs: boolean; readonly commitNumber: number },
): StartedStore {
  const meta = new Map(
    database
      .prepare('SELECT key, value FROM meta')
      .all()
      .map((row) => [String(row['key']), String(row['value'])]),
  );
  const storeId = meta.get('store_id') ?? '';
  const starts = Number(meta.get('starts') ?? 0) + 1;
  const remember = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  remember.run('starts', String(starts));
  if (!opened.signs) return { storeId, starts, forgot: undefined, lockFile: undefined };
  const path = LockFile.pathOf(opened.dataDir);
  const forgot = meta.get('forgot') ?? forgotten(path, { storeId, commitNumber: opened.commitNumber, hasSigned: meta.get('signed') === '1' });
  if (forgot !== undefined) return { storeId, starts, forgot, lockFile: undefined };
  const lockFile = LockFile.open(path, storeId);
  lockFile.write(opened.commitNumber);
  remember.run('signed', '1');
  return { storeId, starts, forgot: undefined, lockFile };
}

function forgotten(path: string, store: { readonly storeId: string; readonly commitNumber: number; readonly hasSigned: boolean }): string | undefined {
  const lock = LockFile.read(path);
  if (lock === undefined) return store.hasSigned ? `this store has signed, and its lock file ${path} is gone` : undefined;
  if (lock === 'damaged') return `the lock file ${path} is damaged`;
  if (lock.storeId !== store.storeId) return `the lock file ${path} names another store, ${lock.storeId}, not this one, ${store.storeId}`;
  if (lock.commitNumber > store.commitNumber)
    return `the lock file ${path} knows of commit ${lock.commitNumber}, this store ends with ${store.commitNumber}: it is an older copy`;
  return undefined;
}

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LogNumber } from '../../ports/log-store.ts';
import type { Place, RefusedEntry } from '../../ports/receipt-index.ts';
import { bytesOf } from './reader.ts';

/** What few receipts have: entries of other contents under their id, and further places in one log. Where there are none nothing is asked. */
export class RareRows {
  readonly #statements: Readonly<Record<'refused' | 'again' | 'addRefused' | 'addAgain', StatementSync>>;
  #hasRefused: boolean;
  #hasAgain: boolean;

  constructor(database: DatabaseSync) {
    const hasRows = (table: string): boolean => database.prepare(`SELECT EXISTS (SELECT 1 FROM ${table}) AS any`).get()?.['any'] === 1;
    this.#hasRefused = hasRows('refused_entry');
    this.#hasAgain = hasRows('receipt_again');
    this.#statements = {
      refused: database.prepare('SELECT log, idx, digest FROM refused_entry WHERE id = ? ORDER BY log, idx'),
      again: database.prepare('SELECT log, idx FROM receipt_again WHERE id = ? ORDER BY log, idx'),
      addRefused: database.prepare('INSERT INTO refused_entry VALUES (?, ?, ?, ?)'),
      addAgain: database.prepare('INSERT INTO receipt_again VALUES (?, ?, ?)'),
    };
  }

  /** Entries under this id whose content is refused. */
  refusedOf(id: string): readonly RefusedEntry[] {
    if (!this.#hasRefused) return [];
    return this.#statements.refused.all(id).map((row) => ({ log: Number(row['log']), index: Number(row['idx']), digest: bytesOf(row['digest']) }));
  }

  /** Places of a receipt beyond the first one of a log. */
  furtherPlaces(id: string): readonly Place[] {
    if (!this.#hasAgain) return [];
    return this.#statements.again.all(id).map((row) => ({ log: Number(row['log']), index: Number(row['idx']) }));
  }

  /** Within the writer's transaction. */
  addRefused(id: string, log: LogNumber, { index, digest }: { readonly index: number; readonly digest: Uint8Array }): void {
    this.#hasRefused = true;
    this.#statements.addRefused.run(id, log, index, digest);
  }

  /** Within the writer's transaction. */
  addPlace(id: string, { log, index }: Place): void {
    this.#hasAgain = true;
    this.#statements.addAgain.run(id, log, index);
  }
}

import type { DatabaseSync } from 'node:sqlite';
import { groupItems } from '../../log/group.ts';
import { frameLeaves, growTree } from '../../log/growth.ts';
import { OWN_LOG } from '../../ports/log-store.ts';
import { receiptDigest, receiptIdOf } from '../../receipt/canonical.ts';
import { EMPTY_EDGE, rootOf } from '../../tlog/edge.ts';
import { bytesOf } from './reader.ts';
import { COMMIT_NUMBER, FORMAT_2, FORMAT_3, SCHEMA_VERSION } from './schema.ts';

/**
 * Brings a store of an older format up to ours in one transaction: killed in between it is what it was. From format 1 the own log
 * gets its tree, some 3 µs an entry.
 */
export function migrate(database: DatabaseSync, version: number): void {
  if (version === SCHEMA_VERSION) return;
  database.exec('BEGIN IMMEDIATE');
  if (version < 2) {
    database.exec(`ALTER TABLE log ADD COLUMN root BLOB; ALTER TABLE log ADD COLUMN origin TEXT; ${FORMAT_2}
      INSERT INTO log (log, size, last_recorded_at) VALUES (${COMMIT_NUMBER}, 0, '0')`);
    plantTree(database);
  }
  database.exec(FORMAT_3);
  indexRefused(database);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
}

function plantTree(database: DatabaseSync): void {
  const addTile = database.prepare('INSERT INTO tile (log, level, idx, hashes) VALUES (?, ?, ?, ?)');
  const groups = database.prepare('SELECT count, frame FROM entry_group WHERE log = ? ORDER BY start');
  let edge = EMPTY_EDGE;
  for (const row of groups.iterate(OWN_LOG)) {
    const grown = growTree(OWN_LOG, edge, frameLeaves(bytesOf(row['frame']), Number(row['count'])));
    for (const { level, index, hashes } of grown.growth.tiles) addTile.run(OWN_LOG, level, index, hashes);
    edge = grown.edge;
  }
  if (edge.size > 0) database.prepare('UPDATE log SET root = ? WHERE log = ?').run(rootOf(edge), OWN_LOG);
}

/** Format 2 knew by place alone what of a mirrored log was refused: from now on by id. */
function indexRefused(database: DatabaseSync): void {
  const add = database.prepare('INSERT INTO refused_entry VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
  const groups = database.prepare('SELECT start, frame FROM entry_group WHERE log = ? AND start <= ? AND start + count > ? ORDER BY start');
  for (const row of database.prepare('SELECT log, first, last FROM refusal WHERE log <> ?').all(OWN_LOG)) {
    const [log, first, last] = [Number(row['log']), Number(row['first']), Number(row['last'])];
    for (const group of groups.all(log, last, first)) {
      let index = Number(group['start']);
      for (const { canonical } of groupItems(bytesOf(group['frame']))) {
        if (index >= first && index <= last && canonical.length > 0) add.run(receiptIdOf(canonical), log, index, receiptDigest(canonical));
        index += 1;
      }
    }
  }
}

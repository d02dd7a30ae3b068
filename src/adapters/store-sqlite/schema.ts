/** "RSsq": marks our files for SQLite's header and file(1). */
export const APPLICATION_ID = 0x52_53_73_71;
export const SCHEMA_VERSION = 1;

/**
 * A group is one row as it will be sent; `seq` is the order of arrival over all logs. The index of first digests has one row per
 * receipt and log. Nothing is stored of what remotes are owed but an offset (DESIGN law 2).
 */
export const SCHEMA = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE log (log INTEGER PRIMARY KEY, size INTEGER NOT NULL, last_recorded_at TEXT NOT NULL);
  CREATE TABLE entry_group (seq INTEGER PRIMARY KEY, log INTEGER NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL, frame BLOB NOT NULL);
  CREATE UNIQUE INDEX entry_group_place ON entry_group (log, start);
  CREATE TABLE receipt (id TEXT NOT NULL, log INTEGER NOT NULL, idx INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (id, log)) WITHOUT ROWID;
  CREATE TABLE remote_offset (region TEXT PRIMARY KEY, idx INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE parked (region TEXT NOT NULL, idx INTEGER NOT NULL, status INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
    at_ms INTEGER NOT NULL, PRIMARY KEY (region, idx)) WITHOUT ROWID;
  CREATE TABLE probe (filler BLOB NOT NULL);
`;

/** "RSsq": marks our files for SQLite's header and file(1). */
export const APPLICATION_ID = 0x52_53_73_71;
/** 1: receipts by the plain protocol. 2: trees, mirrored logs, what was signed. 3: alarms; what conflicts leave. */
export const SCHEMA_VERSION = 3;

/** The row of `log` whose size is the number of the last commit: on the same page as the logs, so that counting costs no write. */
export const COMMIT_NUMBER = 0;

/** What format 2 has beside the logs. A tile is written once, when it is full. */
export const FORMAT_2: string = `
  CREATE TABLE tile (log INTEGER NOT NULL, level INTEGER NOT NULL, idx INTEGER NOT NULL, hashes BLOB NOT NULL);
  CREATE UNIQUE INDEX tile_place ON tile (log, level, idx);
  CREATE TABLE cosigned_text (log INTEGER NOT NULL, slot INTEGER NOT NULL, size INTEGER NOT NULL, hash TEXT NOT NULL, at_s INTEGER NOT NULL,
    note TEXT NOT NULL, PRIMARY KEY (log, slot)) WITHOUT ROWID;
  CREATE TABLE refusal (log INTEGER NOT NULL, region TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (log, region, first)) WITHOUT ROWID;
  CREATE TABLE certified (log INTEGER PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE remote_cosigned (region TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL) WITHOUT ROWID;
`;

/** What format 3 has beside those: alarms, with what operators had to say to them, and what conflicts leave. `others`: entries without a receipt. */
export const FORMAT_3: string = `
  CREATE TABLE alarm (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, region TEXT NOT NULL, subject TEXT NOT NULL, message TEXT NOT NULL,
    notes TEXT NOT NULL, evidence TEXT, raised_at_ms INTEGER NOT NULL, acknowledged_at_ms INTEGER, reason TEXT);
  ALTER TABLE log ADD COLUMN others INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE refused_entry (id TEXT NOT NULL, log INTEGER NOT NULL, idx INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (id, log, idx)) WITHOUT ROWID;
  CREATE TABLE receipt_again (id TEXT NOT NULL, log INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (id, log, idx)) WITHOUT ROWID;
  CREATE TABLE joined_range (region TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, PRIMARY KEY (region, first)) WITHOUT ROWID;
  CREATE TABLE kept_text (log INTEGER NOT NULL, slot INTEGER NOT NULL, size INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY (log, slot)) WITHOUT ROWID;
`;

/**
 * A group is one row as it will be sent; `seq` is the order of arrival over all logs. The index of first digests has one row per
 * receipt and log. Nothing is stored of what remotes are owed but an offset (DESIGN law 2).
 */
export const SCHEMA: string = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE log (log INTEGER PRIMARY KEY, size INTEGER NOT NULL, last_recorded_at TEXT NOT NULL, root BLOB, origin TEXT);
  CREATE TABLE entry_group (seq INTEGER PRIMARY KEY, log INTEGER NOT NULL, start INTEGER NOT NULL, count INTEGER NOT NULL, frame BLOB NOT NULL);
  CREATE UNIQUE INDEX entry_group_place ON entry_group (log, start);
  CREATE TABLE receipt (id TEXT NOT NULL, log INTEGER NOT NULL, idx INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (id, log)) WITHOUT ROWID;
  CREATE TABLE remote_offset (region TEXT PRIMARY KEY, idx INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE parked (region TEXT NOT NULL, idx INTEGER NOT NULL, status INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL,
    at_ms INTEGER NOT NULL, PRIMARY KEY (region, idx)) WITHOUT ROWID;
  CREATE TABLE probe (filler BLOB NOT NULL);
  ${FORMAT_2}
  ${FORMAT_3}
  INSERT INTO log (log, size, last_recorded_at) VALUES (${COMMIT_NUMBER}, 0, '0');
`;

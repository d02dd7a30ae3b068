/** A row as every driver gives it: values by column name. */
export type Row = Readonly<Record<string, unknown>>;

/** The application's own connection or transaction, as far as the outbox needs it. SQL comes with `$1`, `$2`, … each once and in order. */
export interface OutboxHandle {
  readonly dialect: 'postgres' | 'sqlite';
  query(sql: string, params: readonly unknown[]): Promise<readonly Row[]>;
  /** Whether a transaction is open on the very connection that `query` uses: then the poller would see what is not committed, and waits. */
  readonly isInTransaction?: () => boolean;
}

/** A `pg` Client, PoolClient or Pool. A Pool is for the poller only: a transaction has one client. */
export function pgHandle(client: { query(sql: string, params: unknown[]): Promise<{ readonly rows: readonly Row[] }> }): OutboxHandle {
  return { dialect: 'postgres', query: async (sql, params) => (await client.query(sql, [...params])).rows };
}

/** What node:sqlite's DatabaseSync and better-sqlite3's Database have in common. */
export interface SyncSqlite {
  /** node:sqlite's word for an open transaction, and better-sqlite3's. */
  readonly isTransaction?: boolean;
  readonly inTransaction?: boolean;
  prepare(sql: string): { all(...params: (string | number)[]): readonly unknown[] };
}

/** A synchronous SQLite connection. In a transaction prefer `writeReceiptSync`, which does not await between its statements. */
export function sqliteHandle(database: SyncSqlite): OutboxHandle {
  return {
    dialect: 'sqlite',
    query: async (sql, params) => querySqlite(database, sql, params),
    isInTransaction: () => database.isTransaction === true || database.inTransaction === true,
  };
}

/** The same without a promise. */
export function querySqlite(database: SyncSqlite, sql: string, params: readonly unknown[]): readonly Row[] {
  const rows = database.prepare(sqliteSql(sql)).all(...params.map((param) => (typeof param === 'number' ? param : String(param))));
  return rows.map((row) => ({ ...(typeof row === 'object' ? row : {}) }));
}

/** A Kysely instance or transaction: `kyselyHandle(trx, CompiledQuery.raw, 'postgres')`. */
export function kyselyHandle<Query>(
  db: { executeQuery(query: Query): Promise<{ readonly rows: readonly unknown[] }> },
  raw: (sql: string, params: unknown[]) => Query,
  dialect: OutboxHandle['dialect'],
): OutboxHandle {
  const query = async (sql: string, params: readonly unknown[]): Promise<readonly Row[]> => {
    const { rows } = await db.executeQuery(raw(dialect === 'sqlite' ? sqliteSql(sql) : sql, [...params]));
    return rows.map((row) => ({ ...(typeof row === 'object' ? row : {}) }));
  };
  return { dialect, query };
}

/** A Drizzle database or transaction on PostgreSQL: `drizzleHandle(tx, sql)`. For SQLite hand the driver's own connection to `sqliteHandle`. */
export function drizzleHandle<Query>(
  db: { execute(query: Query): PromiseLike<{ readonly rows: readonly Row[] }> },
  sql: (strings: TemplateStringsArray, ...params: unknown[]) => Query,
): OutboxHandle {
  const query = async (text: string, params: readonly unknown[]): Promise<readonly Row[]> => {
    // Its own template tag, called with the text between our placeholders, so that parameters stay parameters.
    const strings = text.split(/\$\d+/);
    return (await db.execute(sql(Object.assign(strings, { raw: strings }), ...params))).rows;
  };
  return { dialect: 'postgres', query };
}

function sqliteSql(sql: string): string {
  // Without a number: better-sqlite3 takes `?1` for a name. Ours come each once and in order.
  return sql.replaceAll(/\$\d+/g, '?');
}

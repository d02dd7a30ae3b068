import type pg from 'pg';
import type { Row } from '../../src/outbox.ts';

/** What the tests use of Drizzle. Its own declarations do not compile without every driver it knows, so they are not looked at. */
interface DrizzleTransaction<Query> {
  execute(query: Query): Promise<{ readonly rows: readonly Row[] }>;
}

interface DrizzleDatabase<Query> extends DrizzleTransaction<Query> {
  transaction(work: (tx: DrizzleTransaction<Query>) => Promise<void>): Promise<void>;
}

interface Drizzle<Query> {
  readonly sql: (strings: TemplateStringsArray, ...params: unknown[]) => Query;
  readonly drizzle: (pool: pg.Pool) => DrizzleDatabase<Query>;
}

/** The real Drizzle on node-postgres. */
export async function loadDrizzle(): Promise<Drizzle<object>> {
  const names = ['drizzle-orm', 'drizzle-orm/node-postgres'];
  const [{ sql }, { drizzle }] = await Promise.all(names.map((name) => import(name)));
  return { sql, drizzle };
}

import { InvalidQueryError } from '../errors.ts';
import type { ListQuery } from '../replication/listing.ts';
import type { StandingState } from '../replication/standing.ts';
import { rfc3339Ms } from '../std/time.ts';

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 1_000;
const STATES: readonly StandingState[] = ['pending', 'quorum', 'conflict', 'refused', 'received', 'disabled'];
const PARAMETERS: readonly string[] = ['transaction_id', 'since', 'until', 'state', 'limit', 'cursor'];

/** The query of `GET /api/v1/receipts` (CONTRACT §4). Throws InvalidQueryError naming the parameter: none is ignored. */
export function listQuery(query: URLSearchParams): ListQuery {
  for (const name of query.keys()) {
    if (!PARAMETERS.includes(name)) throw new InvalidQueryError(name, `is no parameter here; there are ${PARAMETERS.join(', ')}`);
    if (query.getAll(name).length > 1) throw new InvalidQueryError(name, 'stands there twice');
  }
  const read = <T>(name: string, of: (text: string) => T | undefined, wanted: string): T | undefined => {
    const text = query.get(name);
    if (text === null) return undefined;
    const value = of(text);
    if (value === undefined) throw new InvalidQueryError(name, `must be ${wanted}`);
    return value;
  };
  const wantedTime = 'an RFC 3339 time such as 2026-01-31T12:00:00Z';
  return {
    transactionId: query.get('transaction_id') ?? undefined,
    sinceMs: read('since', rfc3339Ms, wantedTime),
    untilMs: read('until', rfc3339Ms, wantedTime),
    state: read('state', (text) => STATES.find((state) => state === text), `one of ${STATES.join(', ')}`),
    limit: read('limit', limitOf, `a whole number from 1 to ${LIMIT_MAX}`) ?? LIMIT_DEFAULT,
    after: read('cursor', (text) => (/^[0-9]{1,15}\.[0-9]{1,5}$/.test(text) ? text : undefined), 'the next_cursor of an earlier answer'),
  };
}

function limitOf(text: string): number | undefined {
  const limit = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= LIMIT_MAX ? limit : undefined;
}

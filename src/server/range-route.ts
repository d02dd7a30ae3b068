import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Exchange } from '../adapters/http/route.ts';
import { InvalidQueryError } from '../errors.ts';
import type { ReceiptSyncManager } from '../manager.ts';
import { rfc3339Ms } from '../std/time.ts';

const PARAMETERS: readonly string[] = ['origin', 'since', 'until'];
/** Lines are sent together up to so many characters. */
const CHUNK_CHARACTERS = 64 * 1024;

/** `GET /api/v1/range?origin=R&since=T&until=T`: all entries of a log in that time, with the proof (docs/spec "Certified range"). What can't be had is a problem; what turns out to be rotten ends the connection. */
export async function sendRange(manager: ReceiptSyncManager, { response, query }: Exchange): Promise<void> {
  for (const name of query.keys())
    if (!PARAMETERS.includes(name)) throw new InvalidQueryError(name, `is no parameter here; there are ${PARAMETERS.join(', ')}`);
  const origin = query.get('origin') ?? '';
  if (origin === '') throw new InvalidQueryError('origin', 'must be the region whose log is meant');
  const [sinceMs, untilMs] = [timeOf(query, 'since'), timeOf(query, 'until')];
  if (sinceMs >= untilMs) throw new InvalidQueryError('until', 'must be later than since');
  const chunks = inChunks(manager.certifiedRange(origin, { sinceMs, untilMs }));
  const first = await chunks.next();
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  if (first.done !== true) response.write(first.value);
  await pipeline(Readable.from(chunks), response);
}

async function* inChunks(lines: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let text = '';
  for await (const line of lines) {
    text += line;
    if (text.length < CHUNK_CHARACTERS) continue;
    yield text;
    text = '';
  }
  yield text;
}

function timeOf(query: URLSearchParams, name: string): number {
  const ms = rfc3339Ms(query.get(name) ?? '');
  if (ms === undefined || ms < 0) throw new InvalidQueryError(name, 'must be an RFC 3339 time such as 2026-01-31T12:00:00Z');
  return ms;
}

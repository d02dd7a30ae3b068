import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ReceiptSyncError } from '../../errors.ts';
import type { ServedLog } from '../../ports/receiving.ts';
import { parseTilePath } from '../../tlog/tile.ts';
import { Crowd } from './crowd.ts';
import type { Exchange, Route } from './route.ts';

const zip = promisify(gzip);
/** Tiles being read and zipped at once on one listener: a bundle has 11 KiB, and at most 4 MiB. */
const READS_MAX = 128;
/** A tile or bundle never changes (C2SP tlog-tiles). */
const FOREVER = 'public, max-age=31536000, immutable';
/** A checkpoint does, at any moment. */
const NOT_LONG = 'public, max-age=1';

/** The read API of SPEC §2: `/log/…` for the own log, `/mirror/<sha256 of the origin line>/…` for those that are mirrored. */
export function logRoutes(servedLog: (originHash: string | undefined) => ServedLog | undefined): readonly Route[] {
  const methods = ['GET', 'HEAD'];
  const readers = new Crowd(READS_MAX);
  return [
    { methods, path: { below: '/log/' }, handle: (exchange, rest) => readers.during(() => serve(servedLog(undefined), exchange, rest)) },
    {
      methods,
      path: { below: '/mirror/' },
      handle: (exchange, rest) => {
        const [, hash, path = ''] = /^([0-9a-f]{64})\/(.+)$/.exec(rest) ?? [];
        return readers.during(() => serve(hash === undefined ? undefined : servedLog(hash), exchange, path));
      },
    },
  ];
}

async function serve(log: ServedLog | undefined, exchange: Exchange, path: string): Promise<void> {
  if (log === undefined) throw new ReceiptSyncError('NOT_FOUND', 'No such log is served here');
  if (path === 'checkpoint') {
    const note = log.checkpoint();
    if (note === undefined) throw new ReceiptSyncError('NOT_FOUND', 'This log has no checkpoint yet');
    return send(exchange, Buffer.from(note), { type: 'text/plain; charset=utf-8', cache: NOT_LONG });
  }
  const name = parseTilePath(path);
  const bytes = name === undefined ? undefined : await log.resource(name);
  if (bytes === undefined) throw new ReceiptSyncError('NOT_FOUND', 'This log has no such tile');
  return send(exchange, bytes, { type: 'application/octet-stream', cache: FOREVER });
}

async function send({ request, response }: Exchange, bytes: Uint8Array, { type, cache }: { readonly type: string; readonly cache: string }): Promise<void> {
  const takesGzip = /(?:^|[\s,])gzip(?:\s*;\s*q=(?:1|0?\.\d*[1-9]\d*))?\s*(?:,|$)/.test(String(request.headers['accept-encoding'] ?? ''));
  const body = takesGzip ? await zip(bytes) : bytes;
  response.writeHead(200, {
    'content-type': type,
    'cache-control': cache,
    vary: 'accept-encoding',
    'content-length': body.length,
    ...(takesGzip ? { 'content-encoding': 'gzip' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

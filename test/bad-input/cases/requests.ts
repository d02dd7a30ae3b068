import type { RawCase } from './case.ts';

const BODY = '{"receipt_id":"bad-input","transaction_id":"t","hash":"00","ticks":1,"span_id":1,"committed":true}';

/** How a listener takes receipts. */
export interface Listener {
  readonly name: string;
  readonly post: string;
}

function request(target: Listener, lines: readonly string[], body = ''): Buffer {
  return Buffer.from([`POST ${target.post} HTTP/1.1`, 'Host: 127.0.0.1', ...lines, '', body].join('\r\n'), 'latin1');
}

const JSON_TYPE = 'Content-Type: application/json';
const length = (bytes: number | string): string => `Content-Length: ${bytes}`;

function* framing(target: Listener): Generator<RawCase> {
  const bad = (name: string, raw: Buffer | string, want: RawCase['want'] = [400]): RawCase => ({ category: 'framing', name, raw: Buffer.from(raw), want });
  const sized = length(BODY.length);
  yield bad('length and chunks', request(target, [JSON_TYPE, sized, 'Transfer-Encoding: chunked'], `0\r\n\r\n`));
  yield bad('two lengths', request(target, [JSON_TYPE, sized, length(5)], BODY));
  yield bad('two lengths in one', request(target, [JSON_TYPE, length('5, 6')], BODY));
  for (const value of ['-1', '+5', '0x10', '5 5', '99999999999999999999', 'abc', ''])
    yield bad(`length ${value}`, request(target, [JSON_TYPE, length(value)], BODY));
  for (const coding of ['chunked, chunked', 'xchunked', 'gzip, chunked, identity', 'identity'])
    yield bad(`coding ${coding}`, request(target, [JSON_TYPE, `Transfer-Encoding: ${coding}`], `0\r\n\r\n`), [400, 411, 415, 501, 'closed']);
  for (const chunk of ['zz\r\n', '-1\r\n', 'FFFFFFFFFFFFFFFFF\r\n', '5\nhello\n', '5 \r\nhello', '0x5\r\nhello\r\n'])
    yield bad(`chunk ${JSON.stringify(chunk)}`, request(target, [JSON_TYPE, 'Transfer-Encoding: chunked'], chunk));
  yield bad('folded header', request(target, [JSON_TYPE, 'X-A: b\r\n c', sized], BODY));
  yield bad('header without colon', request(target, ['Nonsense', sized], BODY));
  yield bad('space before colon', request(target, ['Content-Length : 5'], 'hello'));
  yield bad('NUL in a header', request(target, ['X-A: a\0b', sized], BODY));
  yield bad('header of 20 KB', request(target, [`X-A: ${'a'.repeat(20_000)}`, sized], BODY), [431]);
  yield bad('header name of 20 KB', request(target, [`${'a'.repeat(20_000)}: b`, sized], BODY), [431]);
  yield bad('2,000 headers', request(target, [...Array.from({ length: 2_000 }, (_, n) => `X-${n}: ${n}`), sized], BODY), [431]);
  yield bad('no Host', `POST ${target.post} HTTP/1.1\r\n${JSON_TYPE}\r\n\r\n`);
  yield bad('two Hosts', `POST ${target.post} HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: localhost\r\n${JSON_TYPE}\r\n${length(0)}\r\n\r\n`, [400]);
  yield bad('bare line feeds', `POST ${target.post} HTTP/1.1\nHost: 127.0.0.1\n\n`);
  yield bad('HTTP/0.9', 'GET /\r\n', [400, 408]);
  yield bad('HTTP/3.0', `GET / HTTP/3.0\r\nHost: 127.0.0.1\r\n\r\n`);
  yield bad('HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 'closed']);
  yield bad('a TLS greeting', Buffer.from('16030100a5010000a10303', 'hex'));
  yield bad('noise', Buffer.from(Array.from({ length: 300 }, (_, n) => (n * 89 + 7) % 256)));
  yield bad('a target of 20 KB', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, [431]);
  yield bad('a target with spaces', `GET /a b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  yield bad('a control character in the target', `GET /a\u0001b HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, [400, 404]);
}

function* media(target: Listener): Generator<RawCase> {
  const sized = length(BODY.length);
  const types = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'json',
    'application/jsonp',
    '',
  ];
  for (const type of types) yield { category: 'media', name: `type ${type}`, raw: request(target, [`Content-Type: ${type}`, sized], BODY), want: [415] };
  yield { category: 'media', name: 'no type', raw: request(target, [sized], BODY), want: [415] };
  for (const coding of ['gzip', 'br', 'zstd', 'deflate', 'gzip, identity', 'compress', 'x'])
    yield { category: 'media', name: `encoding ${coding}`, raw: request(target, [JSON_TYPE, `Content-Encoding: ${coding}`, sized], BODY), want: [415] };
  const bomb = Buffer.concat([Buffer.from('28b52ffd', 'hex'), Buffer.alloc(6_140, 0x5a)]).toString('latin1');
  yield { category: 'media', name: 'a zstd bomb', raw: request(target, [JSON_TYPE, 'Content-Encoding: zstd', length(6_144)], bomb), want: [415] };
}

function* methodsAndPaths(target: Listener): Generator<RawCase> {
  const line = (method: string, path: string): Buffer => Buffer.from(`${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n`, 'latin1');
  for (const method of ['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK'])
    yield { category: 'methods', name: method, raw: line(method, target.post), want: [405] };
  for (const method of ['get', 'FOO', 'POSTT', '', 'G\u00c9T'])
    yield { category: 'methods', name: `method ${method}`, raw: line(method, target.post), want: [400] };
  yield { category: 'methods', name: 'CONNECT', raw: Buffer.from('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n\r\n'), want: [400, 405, 'closed'] };
  for (const path of [
    '/',
    '/api',
    '/api/v1',
    '/api/v1/sync/',
    '/API/V1/SYNC',
    '//api/v1/sync',
    '/api/../api/v1/sync',
    '/api/v1/sync%00',
    '/api/v1/receipts/',
    '/api/v1/receipts/%',
    '/api/v1/receipts/%zz',
    '/api/v1/receipts/%ff',
    '/api/v1/receipts/%c0%af',
    '/api/v1/receipts/a/b',
    '/api/v1/receipts/../../etc/passwd',
    '/api/v1/receipts/x/quorum/y',
    '/log/',
    '/mirror/x',
    '/.env',
    '/api/v1/receipts/%2e%2e',
    '*',
  ])
    yield { category: 'paths', name: path, raw: Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`, 'latin1'), want: [400, 404, 405] };
}

function* bodies(target: Listener): Generator<RawCase> {
  yield { category: 'bodies', name: 'announced at 20 MB', raw: request(target, [JSON_TYPE, length(20_000_000)], BODY), want: [413] };
  yield {
    category: 'bodies',
    name: 'chunks beyond 4 MiB',
    raw: request(target, [JSON_TYPE, 'Transfer-Encoding: chunked'], `500000\r\n${' '.repeat(0x500000)}\r\n0\r\n\r\n`),
    want: [413],
  };
  yield {
    category: 'bodies',
    name: 'Expect: 100-continue with 20 MB',
    raw: request(target, [JSON_TYPE, 'Expect: 100-continue', length(20_000_000)]),
    want: [413],
  };
  yield { category: 'bodies', name: 'Expect: something else', raw: request(target, [JSON_TYPE, 'Expect: magic', length(BODY.length)], BODY), want: [417] };
  yield { category: 'bodies', name: 'no body', raw: request(target, [JSON_TYPE, length(0)]), want: [400] };
  yield {
    category: 'bodies',
    name: 'aborted in the middle',
    raw: request(target, [JSON_TYPE, length(BODY.length)], BODY.slice(0, 40)),
    want: ['closed', 400],
    later: [{ afterMs: 20, bytes: Buffer.alloc(0) }],
  };
  const slowly = Array.from(BODY.slice(0, -1), (character) => ({ afterMs: 2, bytes: Buffer.from(character) }));
  yield {
    category: 'bodies',
    name: 'a byte a moment, and then not JSON',
    raw: request(target, [JSON_TYPE, length(BODY.length)]),
    want: [400],
    later: [...slowly, { afterMs: 2, bytes: Buffer.from('x') }],
  };
}

function* hosts(): Generator<RawCase> {
  for (const host of ['example.com', '10.0.0.1', '127.0.0.1.evil.com', 'evil.com:7480', '[::2]', '0.0.0.0', 'localhost.evil.com', '""', ' '])
    yield { category: 'hosts', name: `Host ${host}`, raw: Buffer.from(`GET /api/v1/status HTTP/1.1\r\nHost: ${host}\r\n\r\n`), want: [403, 400] };
}

function* queries(): Generator<RawCase> {
  const bad = [
    'limit=0',
    'limit=-1',
    'limit=1e3',
    'limit=1001',
    'limit=',
    'limit=1&limit=1',
    'since=',
    'since=1',
    'since=2026-02-30T00:00:00Z',
    'until=now',
    'state=',
    'state=QUORUM',
    'cursor=',
    'cursor=1',
    'cursor=-1.0',
    'cursor=1.2.3',
    'cursor=%00',
    'x=1',
    '__proto__=1',
    'constructor=1',
    'limit[]=1',
    '%ff=1',
    `${'a'.repeat(5_000)}=1`,
  ];
  for (const query of bad)
    yield { category: 'queries', name: query.slice(0, 30), raw: Buffer.from(`GET /api/v1/receipts?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`), want: [400] };
  yield { category: 'queries', name: 'backup after=x', raw: Buffer.from('GET /api/v1/backup?after=x HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'), want: [400] };
}

/** All bad requests of a listener; hosts and queries are the local one's. */
export function* badRequests(target: Listener): Generator<RawCase> {
  yield* framing(target);
  yield* media(target);
  yield* methodsAndPaths(target);
  yield* bodies(target);
  if (target.name !== 'local') return;
  yield* hosts();
  yield* queries();
}

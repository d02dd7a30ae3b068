import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { receiptJson } from '../../src/receipt/wire.ts';
import { receiptOf } from '../receipts.ts';
import { type Daemon, endAll, threeDaemons } from './daemon.ts';

let folder = '';
let daemons: readonly Daemon[] = [];
let url = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-http-'));
  daemons = await threeDaemons(folder);
  await Promise.all(daemons.map((daemon) => daemon.start()));
  url = daemons[0]?.localUrl ?? '';
});

after(async () => {
  await endAll(daemons);
  await rm(folder, { recursive: true, force: true });
});

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: Record<string, unknown>; readonly headers: Headers }> {
  const response = await fetch(`${url}/api/v1/sync`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  return { status: response.status, body: JSON.parse((await response.text()) || '{}'), headers: response.headers };
}

test('201 for a quorum, 200 for the same again, 409 for another content, 202 when asked not to wait', async () => {
  assert.equal((await post(receiptJson(receiptOf('h1')))).status, 201);
  assert.equal((await post(receiptJson(receiptOf('h1')))).status, 200);
  const conflict = await post(receiptJson(receiptOf('h1', { ticks: 9 })));
  assert.deepEqual(
    [conflict.status, conflict.body['code'], typeof conflict.body['digest'], typeof conflict.body['offered_digest']],
    [409, 'RECEIPT_CONFLICT', 'string', 'string'],
  );
  assert.equal((await post(receiptJson(receiptOf('h2')), { prefer: 'respond-async' })).status, 202);
  await post(receiptJson(receiptOf('h3', { ticks: 9 })));
  const overBudget = async (id: string) => Object(await (await fetch(`${url}/api/v1/receipts/${id}`)).json()).over_budget;
  assert.deepEqual([await overBudget('rec-h1'), await overBudget('rec-h3')], [false, true]);
});

test('what is no receipt is a problem that names the field, and nothing is stored', async () => {
  const good = receiptJson(receiptOf('bad'));
  const cases: readonly (readonly [string, number, string])[] = [
    ['{', 400, ''],
    [good.replace('"ticks":4', '"ticks":1.5'), 422, '/ticks'],
    [good.replace('"ticks":4', '"ticks":4294967296'), 422, '/ticks'],
    [good.replace('"ticks":4,', ''), 422, '/ticks'],
    [good.replace('"span_id":789', '"span_id":18446744073709551616'), 422, '/span_id'],
    [good.replace('"span_id":789', '"span_id":1e3'), 422, '/span_id'],
    [good.replace('"hash":"01020304"', '"hash":"0102030"'), 422, '/hash'],
    [good.replace('"hash":"01020304"', '"hash":null'), 422, '/hash'],
    [good.replace('rec-bad', '\\ud800'), 422, '/receipt_id'],
    [good.replace('rec-bad', '\\u0001'), 422, '/receipt_id'],
    [good.replace('{', '{"ticks":4,'), 422, '/ticks'],
    [good.replace('true', '"true"'), 422, '/committed'],
    ['[]', 400, ''],
  ];
  for (const [body, status, pointer] of cases) {
    const answer = await post(body);
    assert.deepEqual([answer.status, answer.body['pointer'] ?? '', answer.headers.get('content-type')], [status, pointer, 'application/problem+json'], body);
  }
  assert.equal((await fetch(`${url}/api/v1/receipts/rec-bad`)).status, 404);
});

test('wrong media, encodings, sizes, methods, paths and hosts are refused by their status', async () => {
  const good = receiptJson(receiptOf('media'));
  assert.equal((await post(good, { 'content-type': 'text/plain' })).status, 415);
  assert.equal((await post(good, { 'content-encoding': 'gzip' })).status, 415);
  assert.equal((await post(Uint8Array.of(0x22, 0xff, 0x22))).status, 400);
  assert.equal((await post(`${good}${' '.repeat(70_000)}`)).status, 413);
  assert.equal((await fetch(`${url}/api/v1/sync`)).status, 405);
  assert.equal((await fetch(`${url}/nothing`)).status, 404);
  const status = await new Promise<number | undefined>((resolve) =>
    httpRequest(`${url}/api/v1/status`, { headers: { host: 'evil.example' } }, (response) => resolve(response.resume().statusCode)).end(),
  );
  assert.equal(status, 403);
});

test('an array is answered item by item: 201 if all are well, 207 if one is not', async () => {
  const [a, b] = [receiptJson(receiptOf('a1')), receiptJson(receiptOf('a2'))];
  assert.equal((await post(`[${a},${b}]`)).status, 201);
  const mixed = await post(`[${a},{"receipt_id":"x"},${receiptJson(receiptOf('a2', { ticks: 8 }))}]`);
  assert.equal(mixed.status, 207);
  assert.deepEqual(
    Object.values(mixed.body).map((item) => Object(item)['status']),
    [200, 422, 409],
  );
});

test('the batch stream answers in request order while the request is still open', async () => {
  const answers: string[] = [];
  const streamed = httpRequest(`${url}/api/v1/sync`, { method: 'POST', headers: { 'content-type': 'application/x-ndjson' } });
  const ended = new Promise<void>((resolve) =>
    streamed.on('response', (response) => {
      response.setEncoding('utf8').on('data', (text) => answers.push(text));
      response.on('end', resolve);
    }),
  );
  streamed.write(`${receiptJson(receiptOf('s1'))}\nnot json\n`);
  for (let n = 0; n < 200 && !answers.join('').includes('INVALID_JSON'); n += 1) await new Promise((resolve) => setTimeout(resolve, 25));
  const early = answers.join('').trim().split('\n');
  assert.deepEqual(
    early.map((line) => JSON.parse(line).status),
    [201, 400],
  );
  streamed.write(Array.from({ length: 500 }, (_, n) => receiptJson(receiptOf(`s-${n}`))).join('\n'));
  streamed.end();
  await ended;
  const all = answers
    .join('')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    all.slice(2).map(({ receipt_id }) => receipt_id),
    Array.from({ length: 500 }, (_, n) => `rec-s-${n}`),
  );
  assert.ok(all.slice(2).every(({ status }) => status === 201));
});

test('probes, quorum, status and the peer listener answer as the contract says', async () => {
  for (const path of ['/livez', '/readyz', '/quorumz', '/health']) assert.equal((await fetch(`${url}${path}`)).status, 200, path);
  const status = await (await fetch(`${url}/api/v1/status`)).json();
  assert.deepEqual(Object.keys(Object(status)).sort(), [
    'alarms',
    'conflicts',
    'reachable_weight',
    'receipts',
    'region',
    'regions',
    'store',
    'threshold',
    'weight',
  ]);
  await post(receiptJson(receiptOf('q1')));
  const quorum = Object(await (await fetch(`${url}/api/v1/receipts/rec-q1/quorum`)).json());
  assert.deepEqual([quorum.verdict, quorum.quorum, quorum.threshold], ['confirmed', true, 2]);
  const peers = /for regions on (\S+)/.exec(daemons[0]?.log ?? '')?.[1] ?? '';
  assert.deepEqual(await (await fetch(`${peers}/receipt-sync`)).json(), { status: 'ready', region: 'us-east-1' });
  assert.equal((await fetch(`${peers}/api/v1/sync`, { method: 'POST' })).status, 404);
});

test('plain posts to the peer listener: one, an array, ndjson; durable before the answer, never sent on', async () => {
  const peers = /for regions on (\S+)/.exec(daemons[2]?.log ?? '')?.[1] ?? '';
  const send = async (path: string, type: string, body: string) => fetch(`${peers}${path}`, { method: 'POST', headers: { 'content-type': type }, body });
  const one = await send('/receipt-sync', 'application/json', receiptJson(receiptOf('p1'), { timestamp: '2025-11-16T12:00:00Z', source_region: 'elsewhere' }));
  const answer = Object(await one.json());
  assert.deepEqual([one.status, answer.status, answer.receipt_id, answer.region_id, answer.duplicate], [200, 'acknowledged', 'rec-p1', 'eu-west-1', false]);
  assert.equal(one.headers.get('receipt-sync-batch'), '8192');
  const batch = await send('/api/v1/receipts', 'application/x-ndjson', `${receiptJson(receiptOf('p1'))}\n${receiptJson(receiptOf('p1', { ticks: 7 }))}\n{}\n`);
  const items = Object.values(Object(await batch.json())).map((item) => [Object(item).status, Object(item).duplicate ?? Object(item).http_status]);
  assert.deepEqual(items, [
    ['acknowledged', true],
    ['refused', 409],
    ['refused', 422],
  ]);
  assert.equal((await fetch(`${url}/api/v1/receipts/rec-p1`)).status, 404);
});

test('hostile ids go through a sidecar, to the other regions and back, as they are', async () => {
  const [east, west] = daemons;
  for (const receiptId of ['a/b', '../../health', 'x?y#z', '%2e%2e', '..', '.', 'é', 'a b', '__proto__', 'quorum', 'a/quorum']) {
    const receipt = receiptOf(0, { receiptId, spanId: 2n ** 64n - 1n });
    assert.equal((await east?.client.syncReceipt(receipt))?.quorumAchieved, true, receiptId);
    assert.deepEqual(await east?.client.getReceipt(receiptId), receipt);
    assert.equal((await east?.client.verify(receiptId))?.verdict, 'confirmed', receiptId);
    for (let n = 0; n < 200 && (await west?.client.getReceipt(receiptId)) === undefined; n += 1) await new Promise((resolve) => setTimeout(resolve, 25));
    assert.deepEqual(await west?.client.getReceipt(receiptId), receipt);
  }
});

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Daemon, endAll, threeDaemons } from '../e2e/daemon.ts';
import { receiptWith } from './cases/case.ts';
import { said } from './over-http.ts';
import { runInProcess, runOverHttp, tableOf, wrongOf } from './run.ts';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
let folder = '';
let daemons: readonly Daemon[] = [];

before(async () => {
  console.log(`seed ${seed}`);
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-bad-'));
  daemons = await threeDaemons(folder);
  await daemons[0]?.start();
});

after(async () => {
  await endAll(daemons);
  await rm(folder, { recursive: true, force: true });
});

test('the parsers refuse every bad receipt and configuration with a name for it, and no prototype is touched', () => {
  const prototype = Object.getOwnPropertyNames(Object.prototype);
  const counts = runInProcess(seed, 3_000);
  console.log(tableOf(counts));
  assert.deepEqual(wrongOf(counts), []);
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype), prototype);
});

test('a region refuses every bad request with a problem that names what is wrong, stores nothing, and stays up', async () => {
  const [daemon] = daemons;
  assert.ok(daemon !== undefined);
  const pid = daemon.pid;
  const counts = await runOverHttp(daemon, seed, 700);
  console.log(tableOf(counts));
  assert.deepEqual(wrongOf(counts), []);
  assert.equal(daemon.pid, pid);
  assert.equal(JSON.parse(await daemon.client.getStatusJson()).receipts, 0);
  assert.equal((await fetch(`${daemon.localUrl}/livez`)).status, 200);
  // The flood has passed: now each is one line again.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const before = daemon.log.length;
  const response = await fetch(`${daemon.localUrl}/api/v1/sync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: receiptWith('hash', '"0"'),
  });
  assert.equal(response.status, 422);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const lines = daemon.log.slice(before).trim().split('\n');
  assert.match(daemon.log, /WARN: \d+ more requests were refused\n/);
  assert.match(lines[0] ?? '', /WARN: Refused POST \/api\/v1\/sync: 422 INVALID_RECEIPT \(\/hash\): hash: must be an even number of hex digits$/);
  assert.equal(lines.length, 1);
  assert.doesNotMatch(daemon.log, /Bug:|\n\s+at /);
});

test('a body of 20 MB is refused before it has come', async () => {
  const [daemon] = daemons;
  const head = 'POST /api/v1/sync HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n';
  const pieces = Array.from({ length: 305 }, () => ({ afterMs: 1, bytes: Buffer.alloc(65_536, 0x20) }));
  const { answer, wrong, bytesSent } = await said(Number(new URL(daemon?.localUrl ?? '').port), {
    category: 'bodies',
    name: '20 MB',
    raw: Buffer.from(head),
    want: [413],
    later: pieces,
  });
  assert.deepEqual([answer, wrong], ['413 TOO_LARGE', undefined]);
  assert.ok(bytesSent < 4_000_000, `${bytesSent} bytes were sent`);
});

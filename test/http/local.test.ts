import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ReceiptSyncClient } from '../../src/client.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ReceiptSyncManager } from '../../src/manager.ts';
import type { SyncEvent } from '../../src/ports/observer.ts';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { RemoteRegion } from '../../src/region/remote-region.ts';
import { startServer } from '../../src/server/serve.ts';
import { receiptOf } from '../receipts.ts';
import { Regions } from '../regions.ts';

interface Sidecar extends AsyncDisposable {
  readonly url: string;
  readonly client: ReceiptSyncClient;
  readonly west: ReceiptSyncManager;
}

/** A real local listener of us-east-1 beside one receiving region, threshold 2. */
async function sidecar(): Promise<Sidecar> {
  const regions = await Regions.make();
  const west = await regions.receiving('us-west-1');
  const remote = new RemoteRegion('us-west-1', west.url);
  const manager = await regions.open(new MultiRegionConfig('us-east-1').addRegion(remote).withCrossRegionSync(true).withQuorumThreshold(2).withMaxRetries(1));
  const env = { RECEIPT_SYNC_REGION__ID: 'us-east-1', RECEIPT_SYNC_LISTEN__LOCAL: '127.0.0.1:0', RECEIPT_SYNC_LISTEN__PEERS: '127.0.0.1:0' };
  const config = loadConfig({ env, sets: [], cwd: '.', resolve: (_, path) => path });
  const server = await startServer(manager, config, { onInternal: (error) => assert.fail(String(error)), onRefused: () => undefined });
  const client = new ReceiptSyncClient(server.localUrl);
  const end = async (): Promise<void> => {
    await client.close();
    await server.close(0);
    await regions[Symbol.asyncDispose]();
  };
  return { url: server.localUrl, client, west: west.manager, [Symbol.asyncDispose]: end };
}

test('a listing keeps to its conditions, page by page, and every receipt says how it stands', async () => {
  await using side = await sidecar();
  await side.west.syncReceipt(receiptOf('clash', { ticks: 1 }));
  for (let n = 0; n < 25; n += 1) await side.client.syncReceipt(receiptOf(n, { transactionId: n % 5 === 0 ? 'tx-five' : 'tx' }));
  const clash = await side.client.syncReceipt(receiptOf('clash', { ticks: 2 }));
  assert.equal(clash.outcome, 'refused');
  const ids = async (filter: object): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const { receipt } of side.client.receipts(filter)) found.push(receipt.receiptId);
    return found;
  };
  assert.deepEqual(await ids({ transactionId: 'tx-five' }), ['rec-0', 'rec-5', 'rec-10', 'rec-15', 'rec-20']);
  assert.deepEqual(await ids({ state: 'conflict' }), ['rec-clash']);
  assert.equal((await ids({ state: 'quorum' })).length, 25);
  assert.deepEqual(await ids({ state: 'pending' }), []);
  assert.deepEqual(await ids({ until: '2001-01-01T00:00:00Z' }), []);
  const first = await side.client.listReceipts({}, 10);
  const second = await side.client.listReceipts({ after: first.next }, 16);
  const third = await side.client.listReceipts({ after: second.next ?? second.receipts.at(-1)?.cursor }, 16);
  assert.deepEqual([first.receipts.length, second.receipts.length, third.receipts.length, third.next], [10, 16, 0, undefined]);
  const one = JSON.parse((await side.client.getReceiptJson('rec-clash')) ?? '');
  assert.deepEqual([one.state, one.refused_by, one.refused], ['conflict', [{ region: 'us-west-1', code: 'CONFLICT' }], []]);
});

test('a parameter that is not understood is a problem that names it', async () => {
  await using side = await sidecar();
  for (const [query, pointer] of [
    ['limit=0', '/limit'],
    ['limit=1001', '/limit'],
    ['since=yesterday', '/since'],
    ['until=2026-02-30T00:00:00Z', '/until'],
    ['state=lost', '/state'],
    ['cursor=abc', '/cursor'],
    ['limit=1&limit=2', '/limit'],
    ['__proto__=1', '/__proto__'],
    ['offset=5', '/offset'],
  ]) {
    const response = await fetch(`${side.url}/api/v1/receipts?${query}`);
    const body = JSON.parse(await response.text());
    assert.deepEqual([response.status, body.code, body.pointer], [400, 'INVALID_QUERY', pointer], query);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
  }
});

test('events arrive as they happen, and a reader that comes back goes on where it was', async () => {
  await using side = await sidecar();
  const stop = new AbortController();
  const seen: SyncEvent[] = [];
  const reading = (async () => {
    for await (const event of side.client.events({ signal: stop.signal })) {
      seen.push(event);
      if (event.kind === 'settled' && event.receiptId === 'rec-2') stop.abort();
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await side.client.syncReceipt(receiptOf(1));
  await side.client.syncReceipt(receiptOf(2));
  await reading;
  assert.deepEqual(
    seen.filter((event) => 'receiptId' in event && event.receiptId === 'rec-1').map(({ kind }) => kind),
    ['accepted', 'delivered', 'quorum', 'settled'],
  );
  const messages = await eventsText(side.url, undefined, async () => {
    await side.client.syncReceipt(receiptOf(3));
  });
  const id = /id: (\S+)\nevent: accepted/.exec(messages)?.[1] ?? '';
  const rest = await eventsText(side.url, id, async () => undefined);
  assert.match(rest, /event: delivered\ndata: \{"receipt_id":"rec-3"/);
  assert.doesNotMatch(rest, /event: accepted/);
  assert.match(await eventsText(side.url, 'ffffffff-12', async () => undefined), /event: resync\ndata: \{"dropped":0\}/);
});

/** What comes within a moment. */
async function eventsText(url: string, lastEventId: string | undefined, act: () => Promise<void>): Promise<string> {
  const stop = new AbortController();
  const response = await fetch(`${url}/api/v1/events`, { signal: stop.signal, headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId } });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  await act();
  setTimeout(() => stop.abort(), 200);
  let text = '';
  try {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  } catch (error) {
    assert.equal(stop.signal.aborted, true, String(error));
  }
  return text;
}

test('over HTTP too one can wait for all remotes, and for a quorum however long it takes', async () => {
  await using side = await sidecar();
  const all = await side.client.syncReceipt(receiptOf(1), { waitFor: 'all' });
  assert.deepEqual([all.outcome, all.syncedRegions, all.pending], ['quorum', 2, []]);
  await side.client.syncReceipt(receiptOf(2), { waitFor: 'local' });
  assert.equal((await side.client.waitForQuorum('rec-2')).outcome, 'quorum');
  await assert.rejects(side.client.waitForQuorum('rec-9'), { code: 'NOT_FOUND' });
});

test('the problems of an array point at item and field', async () => {
  await using side = await sidecar();
  const body = `[{"receipt_id":"a"},7,{"receipt_id":"","transaction_id":"","hash":"00","ticks":1,"span_id":1,"committed":true}]`;
  const response = await fetch(`${side.url}/api/v1/sync`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const items = JSON.parse(await response.text());
  assert.deepEqual([response.status, items.map((item: { readonly pointer: string }) => item.pointer)], [207, ['/0/transaction_id', '/1', '/2/receipt_id']]);
});

test('what never became a request is answered with a problem, and the connection ends', async () => {
  await using side = await sidecar();
  const port = Number(new URL(side.url).port);
  for (const [raw, status, code] of [
    ['NONSENSE\r\n\r\n', 400, 'BAD_REQUEST'],
    [`GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'a'.repeat(20_000)}\r\n\r\n`, 431, 'TOO_LARGE'],
    ['POST /api/v1/sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', 400, 'BAD_REQUEST'],
    ['GET /livez HTTP/1.1\r\n\r\n', 400, 'BAD_REQUEST'],
    ['TRACE /livez HTTP/1.1\r\nHost: localhost\r\n\r\n', 405, 'METHOD_NOT_ALLOWED'],
  ] as const) {
    const answer = await rawAnswer(port, raw);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), raw.slice(0, 40));
    assert.match(answer, new RegExp(`"code":"${code}"`));
    assert.match(answer, /content-type: application\/problem\+json/i);
  }
});

function rawAnswer(port: number, raw: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(raw));
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    socket.once('error', reject);
    socket.setTimeout(500, () => socket.end());
    socket.once('close', () => resolve(text));
  });
}

test('beyond their bound readers of events are told when to come back, and a place that is free again is given', async () => {
  await using side = await sidecar();
  const stops = Array.from({ length: 64 }, () => new AbortController());
  const open = (signal: AbortSignal): Promise<Response> => fetch(`${side.url}/api/v1/events`, { signal });
  await Promise.all(stops.map(({ signal }) => open(signal)));
  const refused = await open(AbortSignal.timeout(5_000));
  const body = JSON.parse(await refused.text());
  assert.deepEqual([refused.status, body.code, body.retryable, refused.headers.get('retry-after')], [429, 'OVERLOADED', true, '5']);
  stops[0]?.abort();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const stop = new AbortController();
  assert.equal((await open(stop.signal)).status, 200);
  stop.abort();
  for (const each of stops) each.abort();
});

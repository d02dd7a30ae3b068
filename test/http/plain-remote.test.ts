import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { MultiRegionConfig } from '../../src/region/multi-region-config.ts';
import { RemoteRegion } from '../../src/region/remote-region.ts';
import type { SyncResult } from '../../src/region/sync-result.ts';
import { receiptOf } from '../receipts.ts';
import { Regions } from '../regions.ts';

type Behaviour = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** Syncs one receipt to a remote that behaves like this; says what came of it and how many requests it took. */
async function syncTo(behaviour: Behaviour, timeout = '500ms'): Promise<{ readonly result: SyncResult; readonly requests: number; readonly ms: number }> {
  await using regions = await Regions.make();
  let requests = 0;
  const fake = await regions.fake((request, response) => {
    requests += 1;
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => behaviour(request, response, body));
  });
  const remote = new RemoteRegion('us-west-1', fake.url).withTimeout(timeout);
  const manager = await regions.open(
    new MultiRegionConfig('us-east-1').addRegion(remote).withCrossRegionSync(true).withQuorumThreshold(2).withMaxRetries(1).withRetryBackoff('10ms'),
  );
  const startMs = performance.now();
  const result = await manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  return { result, requests, ms: performance.now() - startMs };
}

function acknowledge(response: ServerResponse, body: string, change: Readonly<Record<string, unknown>> = {}): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ status: 'acknowledged', receipt_id: JSON.parse(body).receipt_id, timestamp: '2025-11-16T12:00:00Z', ...change }));
}

test("the seed's own acknowledgement counts, with nothing but its three fields", async () => {
  const { result, requests } = await syncTo((_, response, body) => acknowledge(response, body));
  assert.deepEqual([result.quorumAchieved, requests], [true, 1]);
});

test('what is sent is the receipt, its time, and who sends it', async () => {
  let sent: Record<string, unknown> = {};
  let path = '';
  await syncTo((request, response, body) => {
    path = `${request.method} ${request.url}`;
    sent = JSON.parse(body);
    acknowledge(response, body);
  });
  assert.equal(path, 'POST /receipt-sync');
  assert.match(String(sent['timestamp']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  const { timestamp: _, ...rest } = sent;
  assert.deepEqual(rest, {
    receipt_id: 'rec-1',
    transaction_id: 'tx-1',
    hash: '01020304',
    ticks: 4,
    span_id: 789,
    committed: true,
    source_region: 'us-east-1',
  });
});

const notCounted: Readonly<Record<string, Behaviour>> = {
  'another receipt_id': (_, response, body) => acknowledge(response, body, { receipt_id: 'rec-2' }),
  'another digest': (_, response, body) => acknowledge(response, body, { digest: '00'.repeat(32) }),
  'status rejected': (_, response, body) => acknowledge(response, body, { status: 'rejected' }),
  HTML: (_, response) => response.end('<html>acknowledged</html>'),
  nothing: (_, response) => response.end(),
  '5 MB': (_, response, body) => acknowledge(response, body, { padding: 'x'.repeat(5_000_000) }),
  'a doubled key': (_, response) => response.end('{"status":"acknowledged","receipt_id":"rec-2","receipt_id":"rec-1"}'),
};
for (const [what, behaviour] of Object.entries(notCounted)) {
  test(`a 200 with ${what} is not counted, and not tried again in the call`, async () => {
    const { result, requests } = await syncTo(behaviour);
    assert.deepEqual([result.quorumAchieved, result.syncedRegions, requests], [false, 1, 1]);
    assert.deepEqual(
      result.errors.map(({ code, retryable }) => [code, retryable]),
      [['BAD_ANSWER', false]],
    );
    assert.deepEqual(result.pending, ['us-west-1']);
  });
}

test('a redirect to something that would acknowledge is a failure', async () => {
  const { result, requests } = await syncTo((request, response, body) => {
    if (request.url === '/receipt-sync') response.writeHead(302, { location: '/elsewhere' }).end();
    else acknowledge(response, body);
  });
  assert.deepEqual([result.quorumAchieved, requests, result.errors[0]?.message], [false, 1, 'HTTP error 302: Found']);
});

test('a 422 whose body speaks of 503 and timeouts is a 422: one request, final', async () => {
  const { result, requests } = await syncTo((_, response) => response.writeHead(422).end('503 connection timeout'));
  assert.deepEqual([requests, result.outcome, result.errors[0]?.code, result.pending], [1, 'refused', 'REFUSED', []]);
});

test('headers and then silence are ended by the timeout, which covers the whole exchange', async () => {
  const { result, requests, ms } = await syncTo((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' });
    response.flushHeaders();
  });
  assert.deepEqual([requests, result.errors[0]?.code, result.errors[0]?.message], [2, 'TIMEOUT', 'Max retries exhausted: Request timeout after 500ms']);
  assert.ok(ms < 10_000);
});

test('a byte a moment is no progress: the timeout ends it', async () => {
  const { result } = await syncTo((_, response, body) => {
    const text = JSON.stringify({ status: 'acknowledged', receipt_id: JSON.parse(body).receipt_id });
    let at = 0;
    const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.write(text[at++ % text.length] ?? ' ')), 100);
    response.on('close', () => clearInterval(timer));
  });
  assert.equal(result.errors[0]?.code, 'TIMEOUT');
});

test('a reset connection is tried again', async () => {
  const { result, requests } = await syncTo((request) => request.socket.destroy());
  assert.deepEqual([requests, result.errors[0]?.code, result.errors[0]?.retryable], [2, 'UNREACHABLE', true]);
});

test('a remote that answers as the local region is not who it should be', async () => {
  const { result } = await syncTo((_, response, body) => acknowledge(response, body, { region_id: 'us-east-1' }));
  assert.deepEqual([result.quorumAchieved, result.errors[0]?.code], [false, 'UNAUTHENTICATED']);
});

import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { type PlainAccess, peerListener } from '../../src/adapters/peer-http/listener.ts';
import type { StoredReceipt } from '../../src/ports/receipt-index.ts';
import type { ReceiveAnswer } from '../../src/ports/receiving.ts';
import { receiptJson } from '../../src/receipt/wire.ts';
import { receiptOf, sealed } from '../receipts.ts';
import { type Listening, listen } from '../regions.ts';

/** A listener before a region that answers like this. */
function listening(plain: PlainAccess, answer: ReceiveAnswer): Promise<Listening> {
  const stored: StoredReceipt = { receipt: receiptOf(1), digest: sealed(receiptOf(1)).digest, places: [], recordedAt: 0n, cursor: '1.0', refused: [] };
  const region = {
    regionId: 'here',
    receive: async (receipts: readonly unknown[]) => receipts.map(() => answer),
    getStored: async () => stored,
    isReady: () => false,
    admitBatch: () => ({ kind: 'rejected', status: 404, reason: 'no mirrors' }) as const,
    receiveBatch: async () => ({ kind: 'closed' }) as const,
    servedLog: () => undefined,
    shown: () => ({ checkpoints: [], evidence: [] }),
    originOf: () => undefined,
  };
  return listen(peerListener({ region, plain, healthJson: () => '{}', onInternal: () => undefined, onRefused: () => undefined, nowMs: () => 0 }));
}

async function post(url: string, token?: string): Promise<Response> {
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return fetch(`${url}/receipt-sync`, { method: 'POST', headers: { 'content-type': 'application/json', ...authorization }, body: receiptJson(receiptOf(1)) });
}

const ACKNOWLEDGED: ReceiveAnswer = { kind: 'acknowledged', digest: sealed(receiptOf(1)).digest, duplicate: false };

test('with a token wanted, none and a wrong one are 401, the right one is taken; the full receipt is shown only with it', async () => {
  const { url, close } = await listening({ accept: 'token', token: () => 'secret' }, ACKNOWLEDGED);
  const refused = await post(url);
  assert.deepEqual(
    [refused.status, refused.headers.get('www-authenticate'), (await post(url, 'wrong')).status, (await post(url, 'secret')).status],
    [401, 'Bearer', 401, 200],
  );
  const keys = async (token: string): Promise<string[]> =>
    Object.keys(Object(await (await fetch(`${url}/api/v1/receipts/rec-1`, { headers: { authorization: `Bearer ${token}` } })).json()));
  assert.deepEqual((await keys('wrong')).sort(), ['digest', 'receipt_id', 'region_id']);
  assert.ok((await keys('secret')).includes('hash'));
  await close();
});

test('plain off is 403, whatever is shown', async () => {
  const { url, close } = await listening({ accept: 'off', token: () => 'secret' }, ACKNOWLEDGED);
  assert.deepEqual([(await post(url)).status, (await post(url, 'secret')).status], [403, 403]);
  await close();
});

const answers: readonly (readonly [string, ReceiveAnswer, number, string | null])[] = [
  ['a conflict is 409', { kind: 'conflict', held: new Uint8Array(32), offered: new Uint8Array(32) }, 409, null],
  ['overload is 429 with a time', { kind: 'overloaded', retryAfterMs: 2_000 }, 429, '2'],
  ['a failed store is 503 with a time', { kind: 'store-failed', message: 'x' }, 503, '5'],
  ['going down is 503 with a time', { kind: 'closed' }, 503, '1'],
];
for (const [claim, answer, status, retryAfter] of answers) {
  test(`${claim}, and never an acknowledgement`, async () => {
    const { url, close } = await listening({ accept: 'loopback' }, answer);
    const response = await post(url);
    assert.deepEqual([response.status, response.headers.get('retry-after'), (await response.text()).includes('acknowledged')], [status, retryAfter, false]);
    await close();
  });
}

test('bodies under way have a bound together: over it 429 with a time, and room again when they are gone', async () => {
  const { url, close } = await listening({ accept: 'loopback' }, ACKNOWLEDGED);
  const open = Array.from({ length: 16 }, () => {
    const request = httpRequest(`${url}/receipt-sync`, { method: 'POST', headers: { 'content-type': 'application/json' } });
    request.on('error', () => undefined);
    request.write('{');
    return request;
  });
  const statusIs = async (wanted: number): Promise<boolean> => {
    for (let n = 0; n < 200; n += 1) {
      if ((await post(url)).status === wanted) return true;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    return false;
  };
  assert.equal(await statusIs(429), true);
  for (const request of open) request.destroy();
  assert.equal(await statusIs(200), true);
  await close();
});

test('a region that is not ready says so on /readyz and is alive on /livez', async () => {
  const { url, close } = await listening({ accept: 'loopback' }, ACKNOWLEDGED);
  assert.deepEqual(
    [(await fetch(`${url}/readyz`)).status, (await fetch(`${url}/livez`)).status, (await fetch(`${url}/receipt-sync`, { method: 'HEAD' })).status],
    [503, 200, 200],
  );
  await close();
});

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readSigner } from '../../src/adapters/signer-file.ts';
import { ReceiptSyncClient } from '../../src/client.ts';
import { loadConfig } from '../../src/config/load.ts';
import { startServer } from '../../src/server/serve.ts';
import { History, LyingOrigin } from '../lying-origin.ts';
import { MirroredCluster } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';

test('alarms are listed with all that they are about, and acknowledged by JSON with a reason and nothing else', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  const [here, there] = [cluster.region('here'), cluster.region('there')];
  await there.stop();
  const env = { RECEIPT_SYNC_REGION__ID: 'here', RECEIPT_SYNC_LISTEN__LOCAL: '127.0.0.1:0', RECEIPT_SYNC_LISTEN__PEERS: '127.0.0.1:0' };
  const config = loadConfig({ env, sets: [], cwd: '.', resolve: (_, path) => path });
  const server = await startServer(here.manager, config, { onInternal: (error) => assert.fail(String(error)), onRefused: () => undefined });
  const url = `${server.localUrl}/api/v1/alarms`;
  const client = new ReceiptSyncClient(server.localUrl);
  const list = async (query = ''): Promise<readonly Record<string, unknown>[]> => Object(await (await fetch(url + query)).json()).alarms;
  const acknowledge = async (id: string, body: unknown, type = 'application/json'): Promise<readonly unknown[]> => {
    const answer = await fetch(`${url}/${id}/acknowledge`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    const { code, pointer } = Object(await answer.json());
    return [answer.status, code, pointer];
  };
  try {
    assert.deepEqual(await list('?state=standing'), []);
    // A region that has another policy, and a second history of its log.
    const liar = new LyingOrigin(readSigner(join(cluster.folder, 'there', 'keys.json'), { cluster: 'test.example.com', region: 'there' }), 'ab'.repeat(32));
    await liar.show(here.url, new History(liar.signer, [receiptOf(1)]), { start: 0 });
    await liar.show(here.url, new History(liar.signer, [receiptOf(2)]), { start: 0 });
    const alarms = await list('?state=standing');
    assert.deepEqual(
      alarms.filter(({ id }) => /^\d+$/.test(String(id))).map(({ id, alarm, region, acknowledged }) => [id, alarm, region, acknowledged]),
      [
        ['2', 'fork', 'there', null],
        ['1', 'policy-differs', 'there', null],
      ],
    );
    const fork = alarms.find(({ alarm }) => alarm === 'fork');
    assert.match(String(fork?.['evidence']), /^evidence\/[0-9a-f]{64}\.json$/);
    assert.equal(Object(fork?.['checkpoints']).length, 2);
    assert.deepEqual(
      Object(JSON.parse(await client.getStatusJson())).alarms.find(({ alarm }: { readonly alarm: string }) => alarm === 'fork'),
      fork,
    );
    assert.deepEqual(await acknowledge('2', {}), [400, 'INVALID_QUERY', '/reason']);
    assert.deepEqual(await acknowledge('2', { reason: '' }), [400, 'INVALID_QUERY', '/reason']);
    assert.deepEqual(await acknowledge('2', { reason: 'x', more: 1 }), [400, 'INVALID_QUERY', '/reason']);
    assert.deepEqual(await acknowledge('2', { reason: 'x'.repeat(1_001) }), [400, 'INVALID_QUERY', '/reason']);
    assert.deepEqual((await acknowledge('2', '{"reason":"a","reason":"b"}')).slice(0, 2), [400, 'INVALID_JSON']);
    assert.deepEqual((await acknowledge('2', { reason: 'x' }, 'text/plain')).slice(0, 2), [415, 'UNSUPPORTED_MEDIA']);
    assert.deepEqual((await acknowledge('2', { reason: 'x'.repeat(20_000) })).slice(0, 2), [413, 'TOO_LARGE']);
    assert.deepEqual((await acknowledge('7', { reason: 'x' })).slice(0, 2), [404, 'NOT_FOUND']);
    assert.deepEqual((await acknowledge('link-paused:there', { reason: 'x' })).slice(0, 2), [404, 'NOT_FOUND']);
    assert.equal((await fetch(`${url}?state=none`)).status, 400);
    assert.equal((await fetch(`${url}?other=1`)).status, 400);
    assert.equal((await fetch(url, { method: 'POST' })).status, 405);
    assert.equal(JSON.parse(await client.acknowledgeAlarm('2', 'retired')).acknowledged.reason, 'retired');
    await assert.rejects(client.acknowledgeAlarm('2', 'again'), { code: 'NOT_FOUND' });
    assert.deepEqual(
      (await list('?state=acknowledged')).map(({ id }) => id),
      ['2'],
    );
    // Only operators: other regions reach no alarm.
    assert.equal((await fetch(`${here.url}/api/v1/alarms`)).status, 404);
  } finally {
    await client.close();
    await server.close(0);
  }
});

test('the peer listener shows the checkpoints of all logs to whoever asks, and a region that has no keys shows none', async () => {
  await using cluster = await MirroredCluster.start({ weights: { here: 1, there: 1, plain: 1 }, threshold: 2, plain: ['plain'] });
  await cluster.region('here').manager.syncReceipt(receiptOf(1), { waitFor: 'all' });
  const shown = Object(await (await fetch(`${cluster.region('there').url}/checkpoints`)).json());
  assert.deepEqual([shown.region, shown.evidence], ['there', []]);
  const origins = shown.checkpoints.map((note: string) => note.split('\n')[0]);
  assert.deepEqual(origins, ['test.example.com/there/log/1', 'test.example.com/here/log/1']);
  const none = Object(await (await fetch(`${cluster.region('plain').url}/checkpoints`)).json());
  assert.deepEqual(none, { region: 'plain', checkpoints: [], evidence: [] });
});

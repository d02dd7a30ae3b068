import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { receiptOf } from '../receipts.ts';
import { listen } from '../regions.ts';
import { cli, type Daemon, endAll, threeDaemons } from './daemon.ts';

let folder = '';
let daemons: readonly Daemon[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-backup-keys-'));
  daemons = await threeDaemons(folder);
  await Promise.all(daemons.map((daemon) => daemon.start()));
});

after(async () => {
  await endAll(daemons);
  await rm(folder, { recursive: true, force: true });
});

function east(): Daemon {
  const [daemon] = daemons;
  if (daemon === undefined) throw new Error('no region');
  return daemon;
}

/** East is started on another data directory, looked at, and started again on its own. */
async function startedOn(place: string, look: () => Promise<void>): Promise<void> {
  const daemon = east();
  await daemon.end('SIGTERM');
  await daemon.start([], [`store.path=${place}`]);
  await look();
  await daemon.end('SIGTERM');
  await daemon.start();
}

async function signsNothing(receipts: number): Promise<void> {
  const daemon = east();
  const status = JSON.parse((await cli(['status', '--json', '--url', daemon.localUrl])).out);
  assert.deepEqual(
    status.alarms.map(({ alarm }: { readonly alarm: string }) => alarm),
    ['forgot'],
  );
  assert.ok(status.receipts >= receipts, `${status.receipts} receipts`);
  assert.equal((await fetch(`${daemon.localUrl}/readyz`)).status, 503);
  await assert.rejects(daemon.client.syncReceipt(receiptOf('new')), { code: 'STORE_FAILED' });
  assert.equal((await fetch(`${daemon.peersUrl}/log/checkpoint`)).status, 404);
}

test('a backup of a region with keys, started in its place, serves what it has and signs nothing; so does half of one', async () => {
  const daemon = east();
  for (let n = 0; n < 5; n += 1) await daemon.client.syncReceipt(receiptOf(n), { waitFor: 'all' });
  const whole = join(folder, 'whole');
  assert.equal((await cli(['backup', whole, '--url', daemon.localUrl])).code, 0);
  const half = join(folder, 'half');
  // A connection that breaks after some groups: the head, two records, and then nothing.
  const cut = await listen(async (request, response) => {
    const answer = Buffer.from(await (await fetch(`${daemon.localUrl}${request.url}`)).arrayBuffer());
    if (request.url?.includes('after=0') !== true) {
      response.end(answer);
      return;
    }
    response.writeHead(200);
    response.write(answer.subarray(0, answer.length - 60), () => response.destroy());
  });
  assert.equal((await cli(['backup', half, '--url', cut.url])).code, 69);
  await cut.close();
  await stat(join(half, 'receipts.db'));
  await daemon.client.syncReceipt(receiptOf('after the backup'), { waitFor: 'all' });
  await startedOn(whole, async () => {
    await signsNothing(5);
    assert.equal((await cli(['get', 'rec-3', '--url', daemon.localUrl])).code, 0);
    assert.equal((await cli(['get', 'rec-after the backup', '--url', daemon.localUrl])).code, 1);
  });
  await startedOn(half, () => signsNothing(0));
  // On its own store it is what it was.
  assert.equal((await daemon.client.syncReceipt(receiptOf('again'))).quorumAchieved, true);
});

test('a backup that is added to signs nothing either', async () => {
  const daemon = east();
  const place = join(folder, 'twice');
  assert.equal((await cli(['backup', place, '--url', daemon.localUrl])).code, 0);
  await daemon.client.syncReceipt(receiptOf('between'), { waitFor: 'all' });
  assert.equal((await cli(['backup', place, '--url', daemon.localUrl])).code, 0);
  await startedOn(place, async () => {
    await signsNothing(7);
    assert.equal((await cli(['get', 'rec-between', '--url', daemon.localUrl])).code, 0);
  });
});

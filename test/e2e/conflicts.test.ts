import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { receiptJson } from '../../src/receipt/wire.ts';
import { provable, type Rivalry, rival, type Side, settleAll } from '../mirror/rivals.ts';
import { until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';
import { cli, type Daemon, endAll, threeDaemons } from './daemon.ts';

/** `KILLS=20` for more of it. */
const KILLS = Number(process.env['KILLS'] ?? 3);
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));

function sideOf({ id, client }: Daemon): Side {
  return {
    id,
    submit: (receipt) => client.syncReceipt(receipt, { deadline: '1s' }),
    certificate: (receiptId) => client.getCertificate(receiptId),
    digests: async (receiptId) => {
      const text = await client.getReceiptJson(receiptId);
      if (text === undefined) return undefined;
      const { digest, refused } = JSON.parse(text);
      return { held: digest, refused: refused.map((each: { readonly digest: string }) => each.digest) };
    },
  };
}

async function policyOf(daemon: Daemon): Promise<string> {
  const { out } = await cli(['policy', '--config', join(daemon.folder, 'config.yaml')]);
  return out;
}

test('two contents under one id while regions are killed: never two certificates, and the command line shows both sides why', async () => {
  console.log(`seed ${SEED}, ${KILLS} kills`);
  const random = new Random(SEED);
  const folder = mkdtempSync(join(tmpdir(), 'receipt-sync-rivals-'));
  const daemons = await threeDaemons(folder, { maxRetries: 1, retryBackoff: '200ms' });
  try {
    await Promise.all(daemons.map((daemon) => daemon.start()));
    const [east, west, eu] = daemons;
    assert.ok(east !== undefined && west !== undefined && eu !== undefined);
    const sides = daemons.map(sideOf);
    const policy = await policyOf(east);
    const rivalries: Rivalry[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const under = Promise.all(Array.from({ length: 8 }, (_, n) => rival(sides, random, `rival-${kill}-${n}`)));
      await new Promise((resolve) => setTimeout(resolve, random.uniform() * 40));
      const victim = random.pick(daemons);
      await victim.end('SIGKILL');
      rivalries.push(...(await under));
      await victim.start();
      for (const each of rivalries.slice(-8)) assert.ok((await provable(sides, each, policy)).length <= 1);
    }
    // What a caller was not told may be stored all the same: whatever is, at most one content of it is certified.
    const told = rivalries.filter(({ taken }) => taken.every((was) => was));
    await settleAll(sides, told, policy);
    for (const each of rivalries) assert.ok((await provable(sides, each, policy)).length <= 1);
    await checkCommandLine([east, west, eu], { folder, policy });
  } finally {
    await endAll(daemons);
    rmSync(folder, { recursive: true, force: true });
  }
});

async function checkCommandLine(
  [east, west, eu]: readonly [Daemon, Daemon, Daemon],
  { folder, policy }: { readonly folder: string; readonly policy: string },
): Promise<void> {
  const contents = [receiptOf('shown'), receiptOf('shown', { ticks: 9 })] as const;
  await Promise.all([east.client.syncReceipt(contents[0], { waitFor: 'local' }), west.client.syncReceipt(contents[1], { waitFor: 'local' })]);
  const refusedBy = async (daemon: Daemon): Promise<number> => JSON.parse((await daemon.client.getReceiptJson('rec-shown')) ?? '{}').refused.length;
  await until('the third has decided', async () => (await eu.client.getReceiptJson('rec-shown')) !== undefined);
  await until('both know', async () => (await refusedBy(east)) === 1 && (await refusedBy(west)) === 1);
  const codes: (number | null)[] = [];
  for (const daemon of [east, west]) {
    const url = ['--url', daemon.localUrl];
    const listed = await cli(['ls', '--state', 'conflict', '--json', ...url]);
    const shown = listed.out.split('\n').find((line) => line.includes('"rec-shown"'));
    assert.equal(JSON.parse(shown ?? '{}').state, 'conflict');
    const { refused, region_id: region } = JSON.parse((await cli(['get', 'rec-shown', ...url])).out);
    assert.deepEqual([refused.length, region, typeof refused[0].index], [1, daemon.id, 'number']);
    assert.equal(refused[0].region, daemon === east ? west.id : east.id);
    const status = await cli(['status', ...url]);
    assert.match(status.out, /[1-9]\d* conflicts/);
    assert.match(status.out, /alarm \d+: conflict \(/);
    const verified = await cli(['verify', 'rec-shown', ...url]);
    codes.push(verified.code);
    assert.match(verified.out, /refuses +[0-9a-f]{64} \(entry \d+ of the log of us-/);
    assert.match(daemon.log, /Conflict: a second content for receipt rec-shown in the log of us-\S+ was refused \(entry: \d+\)/);
  }
  assert.deepEqual(
    codes.toSorted((a, b) => (a ?? 0) - (b ?? 0)),
    [0, 1],
    'confirmed in one, a conflict in the other',
  );
  const winner = codes[0] === 0 ? 0 : 1;
  const file = join(folder, 'shown.tlog-proof');
  writeFileSync(file, await (winner === 0 ? east : west).client.getCertificate('rec-shown', { wait: '10s' }));
  writeFileSync(join(folder, 'policy'), policy);
  // The third region holds it through that log alone: once it is certified here, whoever brings it has a duplicate with a quorum.
  await eu.client.getCertificate('rec-shown', { wait: '10s' });
  assert.equal((await eu.client.waitForQuorum('rec-shown')).outcome, 'quorum');
  const again = await eu.client.syncReceipt(contents[winner]);
  assert.deepEqual([again.outcome, again.duplicate], ['quorum', true]);
  await assert.rejects(eu.client.syncReceipt(contents[1 - winner] ?? contents[0]), { code: 'RECEIPT_CONFLICT' });
  for (const [n, receipt] of contents.entries()) {
    writeFileSync(join(folder, 'receipt.json'), receiptJson(receipt));
    const offline = await cli(['verify', file, '--receipt', join(folder, 'receipt.json'), '--policy', join(folder, 'policy')]);
    assert.equal(offline.code, n === winner ? 0 : 1, readFileSync(file, 'utf8'));
  }
}

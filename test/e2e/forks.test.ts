import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readSigner } from '../../src/adapters/signer-file.ts';
import { CLUSTER_DEFAULT } from '../../src/cli/cluster-keys.ts';
import { policyHash } from '../../src/quorum/cluster-policy.ts';
import { History, LyingOrigin } from '../lying-origin.ts';
import { until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';
import { cli, type Daemon, endAll, threeDaemons } from './daemon.ts';

let folder = '';
let daemons: readonly Daemon[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-forks-'));
  daemons = await threeDaemons(folder);
});

after(async () => {
  await endAll(daemons);
  await rm(folder, { recursive: true, force: true });
});

test('processes: a log forked between two mirrors is shown by status and doctor with both signatures, proved offline, and outlives a kill', async () => {
  const [east, west, eu] = daemons;
  assert.ok(east !== undefined && west !== undefined && eu !== undefined);
  await Promise.all([east.start(), west.start()]);
  const config = join(east.folder, 'config.yaml');
  const target = ['--config', config];
  const policyFile = join(folder, 'policy');
  const policy = (await cli(['policy', ...target])).out;
  await writeFile(policyFile, policy);
  // The third region never ran: its keys are in other hands.
  const signer = readSigner(join(eu.folder, 'keys.json'), { cluster: CLUSTER_DEFAULT, region: 'eu-west-1' });
  const liar = new LyingOrigin(signer, policyHash(policy));
  const trunk = new History(signer, [receiptOf('a'), receiptOf('b')]);
  const histories = [trunk.with(receiptOf('x', { ticks: 1 })), trunk.with(receiptOf('x', { ticks: 2 }))];
  for (const [n, { peersUrl }] of [east, west].entries()) assert.equal((await liar.show(peersUrl, histories[n] ?? trunk, { start: 0 })).kind, 'cosigned');
  const fork = async (daemon: Daemon): Promise<string> => (await cli(['alarms', '--url', daemon.localUrl])).out;
  for (const daemon of [east, west]) await until(`${daemon.id} knows`, async () => /alarm \d+: fork \(eu-west-1\)/.test(await fork(daemon)), 60_000);
  const signatures = (text: string): number => new Set(text.match(/— \S+\/eu-west-1\/log\/1 \S+/g)).size;
  const status = await cli(['status', ...target]);
  assert.equal(signatures(status.out), 2, status.out);
  const doctor = await cli(['doctor', ...target]);
  assert.match(doctor.out, /fail {2}alarm .*two histories/);
  assert.match(doctor.out, /receipt-sync alarms ack 1 --reason/);
  assert.deepEqual([doctor.code, signatures(doctor.out)], [1, 2]);
  await east.end('SIGKILL');
  await east.start();
  assert.match(await fork(east), /alarm 1: fork/);
  const [file, ...more] = await readdir(join(east.folder, 'data', 'evidence'));
  assert.deepEqual([more, await readdir(join(west.folder, 'data', 'evidence'))], [[], [file]]);
  const evidence = join(east.folder, 'data', 'evidence', file ?? '');
  const verified = await cli(['verify', evidence, '--policy', policyFile]);
  assert.equal(verified.code, 0, verified.out);
  const alone = await cli(['verify', evidence, '--json']);
  assert.deepEqual([alone.code, JSON.parse(alone.out).valid], [0, true]);
  assert.equal((await cli(['alarms', 'ack', '1', ...target])).code, 64);
  const acknowledged = await cli(['alarms', 'ack', '1', '--reason', 'eu-west-1 retired', ...target]);
  assert.match(acknowledged.out, /acknowledged \S+: eu-west-1 retired/, acknowledged.err);
  assert.equal((await cli(['alarms', 'ack', '1', '--reason', 'twice', ...target])).code, 1);
  assert.equal((await cli(['alarms', ...target])).code, 0);
  assert.match((await cli(['alarms', '--all', ...target])).out, /alarm 1: fork[\s\S]*acknowledged \S+: eu-west-1 retired/);
});

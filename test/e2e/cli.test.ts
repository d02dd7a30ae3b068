import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { freePorts } from '../../src/cli/demo/region-process.ts';
import { receiptJson } from '../../src/receipt/wire.ts';
import { receiptOf } from '../receipts.ts';
import { cli, Daemon, endAll, threeDaemons } from './daemon.ts';

let folder = '';
let daemons: readonly Daemon[] = [];
let url = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-cli-'));
  daemons = await threeDaemons(folder);
  await Promise.all(daemons.map((daemon) => daemon.start()));
  url = daemons[0]?.localUrl ?? '';
});

after(async () => {
  await endAll(daemons);
  await rm(folder, { recursive: true, force: true });
});

test('put takes an object, an array, ndjson and stdin, and exits 0 when all have their quorum', async () => {
  const lines = [1, 2].map((n) => receiptJson(receiptOf(`put-${n}`)));
  for (const input of [lines[0] ?? '', `[${lines.join(',')}]`, lines.join('\n'), JSON.stringify(JSON.parse(lines[0] ?? ''), null, 2)]) {
    const { code, out } = await cli(['put', '-', '--url', url], { input });
    assert.deepEqual([code, out.split('\n').filter((line) => line.startsWith('quorum ')).length > 0], [0, true], input);
  }
  const json = await cli(['put', '-', '--url', url, '--json'], { input: lines[0] ?? '' });
  assert.deepEqual([JSON.parse(json.out).status, JSON.parse(json.out).outcome], [200, 'quorum']);
});

test('put exits 65 for what is no receipt, 1 for a conflict, 66 without the file', async () => {
  assert.equal((await cli(['put', '-', '--url', url], { input: '{"receipt_id":""}' })).code, 65);
  await cli(['put', '-', '--url', url], { input: receiptJson(receiptOf('conflict')) });
  assert.equal((await cli(['put', '-', '--url', url], { input: receiptJson(receiptOf('conflict', { ticks: 5 })) })).code, 1);
  assert.equal((await cli(['put', join(folder, 'nothing.json'), '--url', url])).code, 66);
});

test('get, verify, status and health say how it is, and exit by it', async () => {
  await cli(['put', '-', '--url', url], { input: receiptJson(receiptOf('seen')) });
  const got = await cli(['get', 'rec-seen', '--url', url]);
  assert.deepEqual([got.code, JSON.parse(got.out).receipt_id], [0, 'rec-seen']);
  assert.equal((await cli(['get', 'nobody', '--url', url])).code, 1);
  const verified = await cli(['verify', 'rec-seen', '--url', url, '--json']);
  assert.deepEqual([verified.code, JSON.parse(verified.out).verdict], [0, 'confirmed']);
  assert.equal((await cli(['verify', 'nobody', '--url', url])).code, 1);
  assert.match((await cli(['status', '--url', url])).out, /us-west-1\s+yes\s+closed\s+0/);
  const health = await cli(['health'], { env: { RECEIPT_SYNC_URL: url } });
  assert.deepEqual([health.code, health.out], [0, 'healthy\nRegions: 2/2 available\nQuorum: OK\n']);
});

test('the bin runs in a checkout that was never built', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['bin/receipt-sync.cjs', '--version']);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('unreachable is 69, bad usage 64, a bad configuration 78 with line and caret', async () => {
  assert.equal((await cli(['status', '--url', 'http://127.0.0.1:9'])).code, 69);
  assert.equal((await cli(['nonsense'])).code, 64);
  assert.equal((await cli(['demo', '--count', 'many'])).code, 64);
  const file = join(folder, 'bad.yaml');
  await writeFile(file, 'version: 1\nregion: { id: us-east-1 }\nsync:\n  quorumTreshold: 2\n');
  const { code, err } = await cli(['serve', '--config', file]);
  assert.equal(code, 78);
  assert.match(err, /bad\.yaml:4:3: Unknown key sync\.quorumTreshold; did you mean quorumThreshold\?\n {4}quorumTreshold: 2\n {4}\^/);
});

test('init refuses names that would lead out of its folder or into its own files, and writes nothing then', async () => {
  const dir = join(folder, 'nowhere');
  for (const name of ['../x', '..', '.', '/x', 'a/b', 'policy', 'none']) {
    const { code, err } = await cli(['init', '--dir', dir, `${name}=http://127.0.0.1:7481`, 'z=http://127.0.0.1:7482']);
    assert.ok(code === 64 || code === 78, `${name}: ${code} ${err}`);
    assert.doesNotMatch(err, /\n\s+at /);
  }
  assert.equal(existsSync(dir), false);
});

test('init writes a cluster that serve starts, and leaves an old one alone', async () => {
  const dir = join(folder, 'made');
  const [one, two] = await freePorts(2);
  const args = ['init', '--dir', dir, '--threshold', '1', `a=http://127.0.0.1:${one}`, `b=http://127.0.0.1:${two}`];
  assert.equal((await cli(args)).code, 0);
  const text = await readFile(join(dir, 'a', 'config.yaml'), 'utf8');
  assert.match(text, new RegExp(`peers: 127\\.0\\.0\\.1:${one}`));
  assert.match(text, new RegExp(`local: 127\\.0\\.0\\.1:${(one ?? 0) + 1_000}`));
  assert.equal((await cli(args)).code, 78);
  assert.equal(await readFile(join(dir, 'a', 'config.yaml'), 'utf8'), text);
});

test('a second process on one data directory refuses to start, and the first goes on', async () => {
  const [first] = daemons;
  const ports = await freePorts(2);
  const sets = [`listen.local=127.0.0.1:${ports[0]}`, `listen.peers=127.0.0.1:${ports[1]}`].flatMap((set) => ['--set', set]);
  const { code, err } = await cli(['serve', '--config', join(first?.folder ?? '', 'config.yaml'), ...sets]);
  assert.equal(code, 74);
  assert.match(err, /in use by another process/);
  assert.equal((await first?.client.getHealthStatus())?.status, 'healthy');
});

test('SIGTERM drains: exit 0 within the bound, what was acknowledged is there after a start', async () => {
  const [, , eu] = daemons;
  await eu?.client.syncReceipt(receiptOf('drain'));
  const startMs = performance.now();
  assert.equal(await eu?.end('SIGTERM'), 0);
  assert.ok(performance.now() - startMs < 100_000);
  await eu?.start();
  assert.deepEqual(await eu?.client.getReceipt('rec-drain'), receiptOf('drain'));
});

test('a unix socket serves as the local listener, and a stale one is replaced', async () => {
  const socket = join(folder, 'local.sock');
  const [peers] = await freePorts(1);
  const file = join(folder, 'unix.yaml');
  await writeFile(file, `version: 1\nregion: { id: alone }\nlisten: { local: "unix:${socket}", peers: "127.0.0.1:${peers}" }\nstore: { path: ./alone }\n`);
  for (const round of [1, 2]) {
    const daemon = new Daemon('alone', folder, { unix: socket, file });
    await daemon.start();
    const { code, out } = await cli(['put', '-', '--url', `unix:${socket}`], { input: receiptJson(receiptOf(`unix-${round}`)) });
    assert.deepEqual([code, out.split(' ')[0]], [75, 'disabled']);
    assert.match((await cli(['status', '--config', file])).out, new RegExp(`^alone: ${round} receipts, 0 conflicts, store ok`));
    await daemon.end('SIGKILL');
    await daemon.client.close();
  }
});

test('the demo on real input: all at quorum while a region is killed, and that region complete after its return', async () => {
  const repo = join(folder, 'repo');
  await mkdir(repo);
  const { code, out, err } = await cli(
    ['demo', '--headless', '--json', '--count', '150', '--rate', '50/s', '--kill', 'eu-west-1@1s+1s', '--latency', 'us-west-1=20ms'],
    { cwd: process.cwd() },
  );
  assert.equal(code, 0, err);
  const { receipts, certified, kills, p50Ms } = JSON.parse(out);
  assert.deepEqual([receipts, certified, kills.length, kills[0].region, kills[0].complete], [150, 150, 1, 'eu-west-1', true]);
  assert.ok(kills[0].acceptedWhileDown > 0 && p50Ms > 0);
});

test('the demo with a byte changed in a store: found, not given out, not counted, and the others have the receipt', async () => {
  const { code, out, err } = await cli(
    ['demo', '--headless', '--json', '--source', 'synthetic', '--count', '100', '--rate', '50/s', '--tamper', 'us-west-1@1s'],
    {
      cwd: folder,
    },
  );
  assert.equal(code, 0, err + out);
  const { certified, tamper } = JSON.parse(out);
  assert.deepEqual(
    [certified, { ...tamper, receiptId: '' }],
    [100, { region: 'us-west-1', receiptId: '', found: true, served: false, counted: false, verdict: 'confirmed' }],
  );
  assert.equal((await cli(['demo', '--tamper', 'us-west-1'])).code, 64);
});

test('the demo with two contents under one id: one is certified, both regions show the other one, and the answer says so', async () => {
  const args = ['demo', '--headless', '--json', '--source', 'synthetic', '--count', '20', '--rate', '100/s', '--conflict'];
  const { code, out, err } = await cli(args, { cwd: folder });
  assert.equal(code, 0, err);
  const { conflict, verified } = JSON.parse(out);
  assert.deepEqual([conflict.asItShould, verified, conflict.regions.length], [true, true, 2]);
  const [one, two] = conflict.regions;
  assert.deepEqual([one.refuses, two.refuses, one.certified !== two.certified], [two.digest, one.digest, true]);
  assert.equal(conflict.certifiedIn, one.certified ? one.region : two.region);
  assert.match(err, /two contents under one id to us-east-1 and us-west-1 at once/);
});

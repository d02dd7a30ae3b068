import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, test } from 'node:test';
import { canonicalBytes } from '../../src/receipt/canonical.ts';
import { sha256, toHex, utf8Bytes } from '../../src/std/bytes.ts';
import { until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';
import { listen } from '../regions.ts';
import { cli, type Daemon, endAll, threeDaemons } from './daemon.ts';

const LOG = 'receipts.internal/us-east-1/log/1';
/** 300 at once, one of each of the others, one more. */
const ALL = 303;
const VECTORS = join(import.meta.dirname, '../vectors/tlog');

let folder = '';
let daemons: readonly Daemon[] = [];
let east: Daemon;
let config = '';
let policy = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-audit-'));
  daemons = await threeDaemons(folder);
  const [first] = daemons;
  assert.ok(first !== undefined);
  east = first;
  config = join(east.folder, 'config.yaml');
  await Promise.all(daemons.map((daemon) => daemon.start()));
  for (let n = 0; n < 300; n += 50) await east.client.syncBatch(Array.from({ length: 50 }, (_, m) => receiptOf(n + m)));
  for (const daemon of daemons.slice(1)) await daemon.client.syncReceipt(receiptOf(daemon.id));
  for (const id of ['rec-299', 'rec-us-west-1', 'rec-eu-west-1']) await east.client.getCertificate(id, { wait: '30s' });
  policy = join(folder, 'policy');
  await writeFile(policy, (await cli(['policy', '--config', config])).out);
});

after(async () => {
  await endAll(daemons);
  await rm(folder, { recursive: true, force: true });
});

function state(name: string): readonly string[] {
  return ['--state', join(folder, name)];
}

test('log verify takes what a region serves of its own log and of those it mirrors, and remembers what it saw', async () => {
  const first = await cli(['log', 'verify', '--config', config, ...state('seen/'), '--json']);
  assert.equal(first.code, 0, first.out + first.err);
  const logs = first.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    logs.map(({ origin, size, verified, history, findings_count: count }) => [String(origin).split('/').at(-3), size, verified, history, count]),
    [
      ['us-east-1', 300, 300, 'first', 0],
      ['eu-west-1', 1, 1, 'first', 0],
      ['us-west-1', 1, 1, 'first', 0],
    ],
  );
  await east.client.syncReceipt(receiptOf('more'));
  const again = await cli(['log', 'verify', east.peersUrl, '--policy', policy, ...state('seen/')]);
  assert.equal(again.code, 0, again.out + again.err);
  assert.match(again.out, /301 of 301 entries lead to the signed root.*grown from what was seen before/);
  const mirrored = daemons[1]?.peersUrl ?? '';
  await until('it has got there', async () => JSON.parse((await daemons[1]?.client.getStatusJson()) ?? '{}').receipts === ALL);
  const { out, code } = await cli(['log', 'verify', `${mirrored}/mirror/${hashOf(logs[0].origin)}`, '--policy', policy, ...state('seen/')]);
  assert.equal(code, 0, out);
});

function hashOf(origin: string): string {
  return toHex(sha256(utf8Bytes(origin)));
}

test('log verify ends with 1 where a log is not the one that was seen, shows both checkpoints and keeps both', async () => {
  const seen = join(folder, 'other.note');
  const log = join(VECTORS, 'log-600');
  const verify = (): ReturnType<typeof cli> => cli(['log', 'verify', log, '--policy', join(log, 'policy'), '--state', seen]);
  assert.equal((await verify()).code, 0);
  const good = await readFile(seen, 'utf8');
  assert.equal(good, readFileSync(join(log, 'checkpoint'), 'utf8'));
  const other = good.replace(/\n600\n./, '\n600\nX');
  await writeFile(seen, other);
  const { code, out } = await verify();
  assert.equal(code, 1);
  assert.match(out, /NOT the log that was seen before/);
  for (const note of [good, other]) assert.ok(out.includes(note.split('\n')[2] ?? ''), note);
  assert.equal(await readFile(seen, 'utf8'), other);
  const beside = readdirSync(folder).filter((name) => name.startsWith('other.') && name !== 'other.note');
  assert.deepEqual(
    beside.map((name) => readFileSync(join(folder, name), 'utf8')),
    [good],
  );
});

test('log verify says what is wrong with a served log, whom it can not reach, and whom it was not told to believe', async () => {
  const log = join(VECTORS, 'log-257');
  const web = await listen((request, response) => {
    const path = (request.url ?? '').slice(1);
    const body = readFileSync(join(log, path.startsWith('log/') ? path.slice(4) : path), { flag: 'r' });
    if (path.endsWith('tile/0/000')) body[77] = (body[77] ?? 0) ^ 1;
    response.end(body);
  });
  const { code, out } = await cli(['log', 'verify', web.url, '--policy', join(log, 'policy'), ...state('web.note')]);
  assert.deepEqual([code, out.split('\n')[0]], [1, 'FAIL  receipts.example.com/us-east-1/log/1: tile/0/000 does not lead to the root']);
  await web.close();
  assert.equal((await cli(['log', 'verify', web.url, '--policy', join(log, 'policy'), ...state('web.note')])).code, 69);
  assert.equal((await cli(['log', 'verify', log])).code, 64);
  assert.equal((await cli(['log', 'verify', folder, '--policy', policy])).code, 1);
  const vkey = readFileSync(join(log, 'policy'), 'utf8').split('\n')[0]?.split(' ')[1] ?? '';
  const byKey = await cli(['log', 'verify', log, '--vkey', vkey, ...state('vkey.note')]);
  assert.deepEqual([byKey.code, /no cosignature/.test(byKey.out)], [0, true], byKey.out);
});

test('a certified range is written whole, verifies offline by its content whatever its name, and not with a byte changed', async () => {
  const file = join(folder, 'all.txt');
  const span = ['--certified', '--origin', 'us-east-1', '--since', '1h', '--until', new Date(Date.now() + 60_000).toISOString()];
  const exported = await cli(['export', file, ...span, '--config', config]);
  assert.equal(exported.code, 0, exported.err);
  assert.match(exported.err, /Complete only up to/);
  const verified = await cli(['verify', file, '--policy', policy, '--json']);
  assert.equal(verified.code, 0, verified.out);
  assert.deepEqual([JSON.parse(verified.out).valid, JSON.parse(verified.out).receipts >= 300, JSON.parse(verified.out).log], [true, true, LOG]);
  const bytes = await readFile(file);
  bytes[bytes.length - 40] = (bytes[bytes.length - 40] ?? 0) ^ 1;
  await writeFile(file, bytes);
  const { code, out } = await cli(['verify', file, '--policy', policy]);
  assert.deepEqual([code, /^FAIL {2}entries/m.test(out), /NOT valid/.test(out)], [1, true, true], out);
  const stdin = await cli(['export', '-', ...span, '--config', config]);
  assert.equal((await cli(['verify', '-', '--policy', policy], { input: stdin.out })).code, 0);
  assert.equal((await cli(['export', file, '--certified', '--origin', 'us-east-1', '--config', config])).code, 64);
  const nowhere = await cli(['export', join(folder, 'no.range'), ...span.with(2, 'nowhere'), '--config', config]);
  assert.deepEqual([nowhere.code, readdirSync(folder).some((name) => name.startsWith('no.range'))], [1, false]);
});

test('verify-chain looks at a running region, and at its store where none runs; what has rotted is named, and not handed out by any command', async () => {
  const [, , eu] = daemons;
  assert.ok(eu !== undefined);
  const euConfig = join(eu.folder, 'config.yaml');
  const check = async (
    ...more: readonly string[]
  ): Promise<{ readonly code: number | null; readonly result: Record<string, unknown>; readonly err: string }> => {
    const { code, out, err } = await cli(['receipts', 'verify-chain', '--config', euConfig, '--format', 'json', ...more]);
    return { code, result: JSON.parse(out), err };
  };
  await until('it has all', async () => JSON.parse(await eu.client.getStatusJson()).receipts === ALL);
  const running = await check();
  assert.deepEqual([running.code, running.result['total_count'], running.result['verified_count'], running.result['chain_breaks']], [0, ALL, ALL, 0]);
  assert.match(String(running.result['last_verified_timestamp']), /^\d{4}-\d\d-\d\dT/);
  assert.equal((await check('--limit', '10')).result['total_count'], 10);
  await eu.end('SIGTERM');
  const stopped = await check();
  assert.deepEqual([stopped.code, stopped.result['verified_count'], /looking at .* itself/.test(stopped.err)], [0, ALL, true]);
  flipContent(join(eu.folder, 'data', 'receipts.db'), 42);
  const found = { code: 1, total: ALL, verified: ALL - 1, signatures: 0, breaks: 1, kinds: ['receipt'] };
  const said = ({ code, result }: Awaited<ReturnType<typeof check>>): typeof found => ({
    code: code ?? -1,
    total: Number(result['total_count']),
    verified: Number(result['verified_count']),
    signatures: Number(result['signature_failures']),
    breaks: Number(result['chain_breaks']),
    kinds: Array.isArray(result['findings']) ? result['findings'].map(({ kind }) => String(kind)) : [],
  });
  assert.deepEqual(said(await check()), found);
  await eu.start();
  assert.deepEqual(said(await check()), found);
  const text = await cli(['receipts', 'verify-chain', '--config', euConfig]);
  assert.match(text.out, /^FAIL {2}receipts\.internal\/us-east-1\/log\/1: Entry 42 is a receipt that its entry does not commit to/m);
  for (const command of [
    ['get', 'rec-42'],
    ['cert', 'rec-42'],
    ['ls', '--limit', '1000'],
    ['export', '-'],
  ]) {
    const { code, out } = await cli([...command, '--config', euConfig]);
    assert.deepEqual([code, out.includes('rec-42"')], [74, false], command.join(' '));
  }
  assert.match((await cli(['status', '--config', euConfig])).out, /alarm \d+: rotten \(eu-west-1\)/);
  const asked = await cli(['verify', 'rec-42', '--config', config, '--json']);
  assert.deepEqual([asked.code, JSON.parse(asked.out).weight], [0, 2]);
});

/** Another transaction id in the stored content of one receipt. */
function flipContent(path: string, n: number): void {
  using database = new DatabaseSync(path);
  const wanted = canonicalBytes(receiptOf(n));
  for (const row of database.prepare('SELECT seq, frame FROM entry_group').all()) {
    const frame = Buffer.from(row['frame'] instanceof Uint8Array ? row['frame'] : []);
    const at = frame.indexOf(wanted);
    if (at === -1) continue;
    const place = at + Buffer.from(wanted).indexOf('tx-');
    frame[place] = (frame[place] ?? 0) ^ 1;
    database.prepare('UPDATE entry_group SET frame = ? WHERE seq = ?').run(frame, row['seq'] ?? 0);
  }
}

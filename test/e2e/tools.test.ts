import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Random } from '../../sim/random.ts';
import { receiptJson } from '../../src/receipt/wire.ts';
import { receiptOf } from '../receipts.ts';
import { cli, Daemon, endAll, threeDaemons } from './daemon.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
const random = new Random(seed);

let folder = '';
let daemons: readonly Daemon[] = [];
let url = '';
let config = '';

before(async () => {
  console.log(`seed ${seed}`);
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-tools-'));
  daemons = await threeDaemons(folder, { plain: true });
  await Promise.all(daemons.map((daemon) => daemon.start()));
  url = daemons[0]?.localUrl ?? '';
  config = join(daemons[0]?.folder ?? '', 'config.yaml');
});

after(async () => {
  await endAll(daemons);
  await rm(folder, { recursive: true, force: true });
});

function linesOf(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => receiptJson(receiptOf(`${prefix}-${n}`, { transactionId: `tx-${n % 10}` })));
}

/** Runs a command and kills it after a moment; true if it had ended by itself. */
async function cutShort(args: readonly string[], afterMs: number): Promise<boolean> {
  const child = spawn(process.execPath, ['-C', 'source', MAIN, ...args], { stdio: 'ignore' });
  const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  return code === 0;
}

test('an import that is killed goes on where it was, and everything is there once', async () => {
  const input = join(folder, 'import.ndjson');
  await writeFile(input, `${linesOf('import', 20_000).join('\n')}\n`);
  let ended = false;
  for (let n = 0; n < 5 && !ended; n += 1) ended = await cutShort(['import', input, '--url', url], 500 + 400 * random.uniform());
  const last = await cli(['import', input, '--url', url, '--json']);
  const counts = JSON.parse(last.out);
  assert.deepEqual([last.code, counts.invalid, counts.quorum + counts.known + counts.skipped], [0, 0, 20_000]);
  assert.equal(JSON.parse((await cli(['status', '--json', '--url', url])).out).receipts, 20_000);
  await assert.rejects(stat(`${input}.progress`), { code: 'ENOENT' });
});

test('import names the items that are none, takes the others, and will not go on with another input', async () => {
  const [good = '', other = ''] = linesOf('mixed', 2);
  const mixed = await cli(['import', '-', '--url', url, '--json'], { input: `${good}\nnonsense\n${other}\n{"receipt_id":"x"}\n` });
  assert.deepEqual([mixed.code, JSON.parse(mixed.out).quorum, JSON.parse(mixed.out).invalid], [65, 2, 2]);
  assert.match(mixed.err, /Item 2: .*offset 0/);
  assert.match(mixed.err, /Item 4: transaction_id: is missing/);
  const input = join(folder, 'other.ndjson');
  await writeFile(input, `${good}\n${other}\n`);
  await writeFile(`${input}.progress`, `{"number":1,"digest":"${'0'.repeat(64)}"}\n`);
  const refused = await cli(['import', input, '--url', url]);
  assert.deepEqual([refused.code, /belongs to another input/.test(refused.err)], [65, true]);
  assert.equal((await cli(['import', join(folder, 'none.ndjson'), '--url', url])).code, 66);
  assert.equal((await cli(['import', '--format', 'git', folder, '--url', url])).code, 66);
});

test('an export stopped ten times and cut in the middle of lines equals one in one go', async () => {
  const path = join(folder, 'resumed.ndjson');
  for (let n = 0; n < 10; n += 1) {
    await cutShort(['export', path, '--url', url], 350 + 500 * random.uniform());
    const { size } = await stat(path).catch(() => ({ size: 0 }));
    if (size > 0) await truncate(path, Math.floor(size * random.uniform()));
  }
  assert.equal((await cli(['export', path, '--url', url])).code, 0);
  const whole = await cli(['export', '-', '--url', url]);
  assert.equal(whole.out.split('\n').length, 20_003);
  assert.ok((await readFile(path, 'utf8')) === whole.out, 'the files differ');
  assert.equal((await cli(['export', path, '--url', url])).err.includes('Exported 0 receipts'), true);
  const foreign = join(folder, 'foreign.txt');
  await writeFile(foreign, 'my notes');
  assert.equal((await cli(['export', foreign, '--url', url])).code, 65);
  assert.equal(await readFile(foreign, 'utf8'), 'my notes');
});

test('a backup under load starts as a region whose export is that of its moment, and a later run adds the rest', async () => {
  const place = join(folder, 'backup');
  const stop = new AbortController();
  const load = (async () => {
    for (let n = 0; !stop.signal.aborted; n += 1) await daemons[0]?.client.postBatch(linesOf(`load-${n}`, 200).join('\n'));
  })();
  const first = JSON.parse((await cli(['backup', place, '--url', url, '--json'])).out);
  assert.ok(first.total > 20_000, JSON.stringify(first));
  const second = JSON.parse((await cli(['backup', place, '--url', url, '--json'])).out);
  assert.equal(second.total, first.total + second.added);
  stop.abort();
  await load;
  const now = (await cli(['export', '-', '--url', url])).out;
  await daemons[0]?.end('SIGTERM');
  const restored = new Daemon('us-east-1', daemons[0]?.folder ?? '', { local: Number(new URL(url).port), peers: 0 }, [`store.path=${place}`]);
  await restored.start();
  const then = (await cli(['export', '-', '--url', url])).out;
  assert.equal(then.split('\n').length - 1, second.total);
  assert.ok(now.startsWith(then), 'the restored export is a beginning of the one before');
  await restored.end('SIGTERM');
  await restored.client.close();
  await daemons[0]?.start();
  const wrong = await cli(['backup', place, '--url', daemons[1]?.localUrl ?? '']);
  assert.deepEqual([wrong.code, /holds the receipts of region/.test(wrong.err)], [78, true]);
});

test('ls keeps to what is asked for, fits 80 columns, and says how to go on', async () => {
  const listed = await cli(['ls', '--transaction', 'tx-3', '--limit', '5', '--url', url]);
  assert.deepEqual([listed.code, listed.out.split('\n').length, /There is more: receipt-sync ls --after \d+\.\d+/.test(listed.err)], [0, 7, true]);
  assert.ok(
    listed.out.split('\n').every((line) => line.length <= 80),
    listed.out,
  );
  const json = await cli(['ls', '--state', 'quorum', '--since', '1h', '--limit', '3', '--json', '--url', url]);
  assert.deepEqual(
    json.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).state),
    ['quorum', 'quorum', 'quorum'],
  );
  assert.equal((await cli(['ls', '--since', 'soon', '--url', url])).code, 64);
  assert.equal((await cli(['ls', '--state', 'lost', '--url', url])).code, 65);
});

test('doctor finds nothing in a healthy region, and names the step and the fix where a remote is away', async () => {
  const well = await cli(['doctor', '--config', config]);
  assert.deepEqual([well.code, /0 to mend, 0 to look at/.test(well.out)], [0, true], well.out);
  await daemons[2]?.end('SIGKILL');
  const ill = await cli(['doctor', '--config', config, '--json']);
  const { findings } = JSON.parse(ill.out);
  const failed = findings.filter((finding: { readonly level: string }) => finding.level === 'fail');
  assert.deepEqual([ill.code, failed.length, failed[0].check], [1, 1, 'eu-west-1 tcp']);
  assert.match(failed[0].fix, /Start the region there/);
  await daemons[2]?.start();
  const swapped = await cli(['doctor', '--config', config, '--set', `remotes[0].endpoint=${daemons[2]?.peersUrl}`]);
  assert.match(swapped.out, /fail {2}us-west-1 identity +it says it is eu-west-1/);
});

test('config validate says what a configuration comes to, or what is wrong with it', async () => {
  const well = await cli(['config', 'validate', config]);
  assert.deepEqual([well.code, well.out.split('\n')[1]], [0, 'Quorum: weight 2 of 3']);
  const bad = await cli(['config', 'validate', config, '--set', 'sync.quorumTreshold=9']);
  assert.deepEqual([bad.code, /did you mean sync.quorumThreshold\?/.test(bad.err)], [78, true]);
  assert.equal(JSON.parse((await cli(['config', 'validate', config, '--json'])).out).region.id, 'us-east-1');
  const open = await cli(['config', 'validate', config, '--set', 'remotes[0].endpoint=http://10.0.0.5:7481']);
  assert.match(open.err, /Warning: Endpoint of region us-west-1 is http beyond loopback/);
});

test('SIGHUP reads the log level anew and names what takes a restart; the bad file changes nothing', async () => {
  const text = await readFile(config, 'utf8');
  const daemon = daemons[0];
  const hup = async (content: string): Promise<void> => {
    await writeFile(config, content);
    process.kill(daemon?.pid ?? 0, 'SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 300));
  };
  await hup(`${text}logs: { level: warn }\n`.replace('quorumThreshold: 2', 'quorumThreshold: 3'));
  assert.match(daemon?.log ?? '', /SIGHUP: a restart is needed for sync\.quorumThreshold/);
  await hup('version: [');
  assert.match(daemon?.log ?? '', /SIGHUP: the configuration can not be read, it stays as it was/);
  await hup(text);
  assert.match(daemon?.log ?? '', /SIGHUP: tokens are read anew, log level is info/);
  assert.equal((await cli(['health', '--url', url])).code, 0);
});

test('completion knows commands, their options and what is nested', async () => {
  const script = (await cli(['completion', 'bash'])).out;
  const complete = async (...words: readonly string[]): Promise<string> => {
    const child = spawn('bash', ['-c', `${script}\nCOMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _receipt_sync; echo "\${COMPREPLY[@]}"`]);
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    await once(child, 'close');
    return out.trim();
  };
  assert.equal(await complete('receipt-sync', 'ex'), 'export');
  assert.equal(await complete('receipt-sync', 'config', 'va'), 'validate');
  assert.equal(await complete('receipt-sync', 'ls', '--st'), '--state');
  for (const shell of ['zsh', 'fish']) assert.match((await cli(['completion', shell])).out, /receipt-sync/);
});

test('where no sidecar answers, the next command is named; a reader that has seen enough is no failure', async () => {
  const away = await cli(['ls', '--url', 'http://127.0.0.1:9']);
  assert.deepEqual([away.code, /receipt-sync doctor/.test(away.err)], [69, true]);
  const child = spawn('bash', ['-c', `"${process.execPath}" -C source "${MAIN}" export - --url ${url} | head -n 1; exit \${PIPESTATUS[0]}`]);
  let err = '';
  child.stderr.on('data', (chunk) => (err += chunk));
  const [code] = await once(child, 'close');
  assert.deepEqual([code, /EPIPE/.test(err)], [0, false]);
});

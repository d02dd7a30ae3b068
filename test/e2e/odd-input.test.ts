import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../src/cli/demo/region-process.ts';
import { receiptJson } from '../../src/receipt/wire.ts';
import { receiptOf } from '../receipts.ts';
import { cli, Daemon, endAll, type Ran, threeDaemons } from './daemon.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
let folder = '';
let daemons: readonly Daemon[] = [];
let url = '';
let west = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-odd-'));
  daemons = (await threeDaemons(folder)).slice(0, 2);
  await Promise.all(daemons.map((daemon) => daemon.start()));
  [url = '', west = ''] = daemons.map(({ localUrl }) => localUrl);
});

after(async () => {
  await endAll(daemons);
  await rm(folder, { recursive: true, force: true });
});

/** Runs a line of shell in which `$RS` is the CLI. */
function shell(line: string): Promise<Ran> {
  const env = { ...process.env, RS: `${process.execPath} -C source ${MAIN}`, RECEIPT_SYNC_URL: url, DIR: folder };
  const child = spawn('bash', ['-c', line], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

function linesOf(prefix: string, count: number): string {
  return Array.from({ length: count }, (_, n) => `${receiptJson(receiptOf(`${prefix}-${n}`))}\n`).join('');
}

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

test('put repairs no UTF-8 and takes no wait that is none: nothing is sent', async () => {
  const path = await fileOf('bytes.json', Buffer.from(receiptJson(receiptOf('odd-\u00ff')), 'latin1'));
  const put = await cli(['put', path, '--url', url]);
  assert.deepEqual([put.code, put.out], [65, '']);
  assert.equal((await cli(['put', path, '--wait', '5', '--url', url])).code, 64);
});

test('what put and import say of an id moves no cursor', async () => {
  const id = 'esc-\u009b31m\u202e';
  const put = await cli(['put', '-', '--url', url], { input: receiptJson(receiptOf(id)) });
  const conflict = await cli(['put', '-', '--url', url], { input: receiptJson(receiptOf(id, { ticks: 99 })) });
  const imported = await cli(['import', '-', '--url', url], { input: receiptJson(receiptOf(id, { ticks: 99 })) });
  for (const text of [put.out, conflict.out, imported.err])
    assert.deepEqual([/[\u009b\u202e]/.test(text), text.includes('\\u009b31m\\u202e')], [false, true], text);
});

test('put goes on where nobody reads what it says, and a full disk is no bug', async () => {
  await fileOf('unread.ndjson', linesOf('unread', 4_097));
  await shell('$RS put $DIR/unread.ndjson | head -n 1');
  assert.equal((await cli(['get', 'rec-unread-4096', '--url', url])).code, 0);
  for (const line of ['$RS get rec-unread-0 > /dev/full', '$RS export - > /dev/full', '$RS export /dev/full']) {
    const { code, err } = await shell(line);
    assert.deepEqual([code, /bug| at /.test(err)], [74, false], `${line}: ${err}`);
  }
  assert.equal((await cli(['export', '/dev/null', '--url', url])).code, 0);
});

test('progress of another region, or of a longer input, passes nothing over', async () => {
  const input = await fileOf('shorter.ndjson', linesOf('shorter', 3));
  await fileOf('shorter.ndjson.progress', `{"number":50,"digest":"${'0'.repeat(64)}"}\n`);
  const shorter = await cli(['import', input, '--url', url]);
  assert.deepEqual([shorter.code, /belongs to another input/.test(shorter.err)], [65, true], shorter.out);
  const other = await fileOf('other.ndjson', linesOf('other', 3));
  await fileOf('other.ndjson.progress', `{"number":50,"digest":"${'0'.repeat(64)}","region":"us-east-1"}\n`);
  const { code, err } = await cli(['import', other, '--url', west]);
  assert.deepEqual([code, /into "us-east-1", not "us-west-1"/.test(err)], [65, true], err);
});

test('an import counts a line that is too long as invalid, wherever it stands, and takes the others', async () => {
  for (const [n, length] of [65_537, 200_000, 3_000_000].entries()) {
    const long = `{"receipt_id":"${'y'.repeat(length)}"}\n${' '.repeat(length)}${linesOf(`far-${n}`, 1)}`;
    const path = await fileOf(`long-${n}.ndjson`, `${linesOf(`near-${n}`, 2)}${long}${linesOf(`after-${n}`, 2)}`);
    const { code, out, err } = await cli(['import', path, '--json', '--url', url]);
    const { quorum, invalid } = JSON.parse(out);
    assert.deepEqual([code, quorum, invalid], [65, 4, 2], err);
  }
});

test('a history that git does not give to its end is not imported to its end', async () => {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const id = 'a'.repeat(40);
  await writeFile(join(bin, 'git'), `#!/bin/sh\ncase "$3" in log) echo ${id} ${id}; exit 128;; rev-list) echo 2;; *) echo ${folder};; esac\n`);
  await chmod(join(bin, 'git'), 0o755);
  const { code, err } = await cli(['import', '--format', 'git', folder, '--url', url], { env: { PATH: `${bin}:${process.env['PATH']}` } });
  assert.deepEqual([code, /stopped in the middle/.test(err)], [74, true], err);
});

test("an export does not go on in another region's file", async () => {
  const path = join(folder, 'east.ndjson');
  await cli(['put', '-', '--url', url], { input: linesOf('east', 3) });
  assert.equal((await cli(['export', path, '--url', url])).code, 0);
  const before = await readFile(path, 'utf8');
  assert.equal((await cli(['export', path, '--url', west])).code, 65);
  assert.equal((await cli(['export', path, '--url', url])).code, 0);
  assert.equal(await readFile(path, 'utf8'), before);
});

test('what is no sidecar, and a sidecar that goes in the middle of a backup, are unreachable and no bug', async () => {
  const head = '{"format":"receipt-sync-backup/2","region":"x","cluster":"","offsets":[],"parked":[],"mirrored":[],"notes":[]}\n';
  const server = createServer((request, response) => {
    response.writeHead(200);
    if (!(request.url ?? '').includes('backup')) response.end('<html>');
    else response.write(head, () => setTimeout(() => response.destroy(), 100));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const fake = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const commands = [['status'], ['get', 'x'], ['verify', 'x'], ['ls'], ['export', '-'], ['backup', join(folder, 'half')]];
  const ran = await Promise.all(commands.map((command) => cli([...command, '--url', fake])));
  server.close();
  assert.deepEqual(
    ran.map(({ code, out }) => [code, out]),
    commands.map(() => [69, '']),
  );
});

test('verify takes one file from stdin, and a folder is no input', async () => {
  const policy = await fileOf('policy', 'nothing');
  const proof = await fileOf('x.tlog-proof', 'nothing');
  const [stdin, twice, directory] = await Promise.all([
    cli(['verify', proof, '--receipt', '-', '--policy', policy], { input: linesOf('x', 1) }),
    cli(['verify', '-', '--receipt', '-', '--policy', policy]),
    cli(['verify', proof, '--receipt', folder, '--policy', policy]),
  ]);
  assert.deepEqual([stdin.code, twice.code, directory.code], [1, 64, 66]);
});

test("a running region's socket is not taken away by another region", async () => {
  const socket = join(folder, 'one.sock');
  const peers = await freePorts(2);
  const files = await Promise.all(
    ['one', 'two'].map((id, n) =>
      fileOf(
        `${id}.yaml`,
        `version: 1\nregion: { id: ${id} }\nlisten: { local: "unix:./one.sock", peers: "127.0.0.1:${peers[n]}" }\nstore: { path: ./${id} }\n`,
      ),
    ),
  );
  const daemon = new Daemon('one', folder, { unix: socket, file: files[0] ?? '' });
  await daemon.start();
  const { code, err } = await cli(['serve', '--config', files[1] ?? '']);
  assert.deepEqual([code, /Can't listen/.test(err)], [78, true], err);
  assert.match((await cli(['status', '--url', `unix:${socket}`])).out, /^one: /);
  await daemon.end('SIGKILL');
  await daemon.client.close();
});

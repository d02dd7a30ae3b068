import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
/** A machine's own Node, where it is an old one. */
const OLD_NODE = '/usr/bin/node';

let folder = '';
let node = '';
let bin = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'receipt-sync-pack-'));
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: ROOT });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('[')));
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  const manifest = {
    private: true,
    type: 'module',
    allowScripts: { node: true },
    dependencies: { node: devDependencies.node, 'receipt-sync': `file:${filename}` },
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await run('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });
  node = join(folder, 'node_modules', '.bin', 'node');
  bin = join(folder, 'node_modules', 'receipt-sync', 'bin', 'receipt-sync.cjs');
});

after(() => rm(folder, { recursive: true, force: true }));

test('the packed package installs in an empty folder beside its Node, and its bin runs', async () => {
  const { stdout } = await run(node, [bin, '--help'], { cwd: folder });
  assert.match(stdout, /^Examples:\n {2}receipt-sync demo/);
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'));
  assert.equal((await run(node, [bin, '--version'])).stdout.trim(), version);
});

test('the packed package syncs a receipt, worker and all', async () => {
  const program = `import { ReceiptSyncManager, MultiRegionConfig } from 'receipt-sync';
    const manager = await ReceiptSyncManager.open(new MultiRegionConfig('here'));
    await manager.syncReceipt({ receiptId: 'a', transactionId: '', hash: Uint8Array.of(1), ticks: 1, spanId: 1n, committed: true });
    console.log((await manager.getReceipt('a')).receiptId);
    await manager.close();`;
  await writeFile(join(folder, 'program.mjs'), program);
  assert.equal((await run(node, ['program.mjs'], { cwd: folder })).stdout.trim(), 'a');
});

test('its types resolve in a strict consumer', async () => {
  const consumer = `import { MultiRegionConfig, type Receipt, ReceiptSyncManager, type SyncResult } from 'receipt-sync';
    export async function sync(receipt: Receipt): Promise<SyncResult> {
      await using manager = await ReceiptSyncManager.open(new MultiRegionConfig('here'));
      return manager.syncReceipt(receipt, { waitFor: 'all', deadline: '5s' });
    }`;
  await writeFile(join(folder, 'consumer.ts'), consumer);
  const compilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    typeRoots: [join(ROOT, 'node_modules', '@types')],
    types: ['node'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['consumer.ts'] }));
  const { stdout } = await run(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', folder]).catch((error: unknown) => ({ stdout: String(Object(error).stdout) }));
  assert.equal(stdout, '');
});

test('publint has nothing to say', async () => {
  const { messages } = await publint({ pkgDir: join(folder, 'node_modules', 'receipt-sync') });
  assert.deepEqual(messages, []);
});

test('under an old Node the bin says one line and exits 78', async (context) => {
  const { stdout: version } = existsSync(OLD_NODE) ? await run(OLD_NODE, ['--version']) : { stdout: 'v99' };
  if (Number(/^v(\d+)/.exec(version)?.[1]) >= 24) return context.skip(`the machine has no older Node (${version.trim()})`);
  const ended = await run(OLD_NODE, [bin, '--version']).catch((error: unknown) => Object(error));
  assert.equal(ended.code, 78);
  assert.match(ended.stderr, /^receipt-sync needs Node\.js 24\.15 or newer; this is [\d.]+\n$/);
});

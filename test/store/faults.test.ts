import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqliteStore } from '../../src/adapters/store-sqlite/store.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { type Daemon, endAll, threeDaemons } from '../e2e/daemon.ts';
import { receiptOf } from '../receipts.ts';

const UNTIL_MS = 30_000;

/** Posts receipts one after another until one is not taken; says which were acknowledged. */
async function fill(
  daemon: Daemon,
  prefix: string,
  count: number,
): Promise<{ readonly acknowledged: readonly Receipt[]; readonly refusedBy: string | undefined }> {
  const acknowledged: Receipt[] = [];
  for (let n = 0; n < count; n += 1) {
    const receipt = receiptOf(`${prefix}-${n}`, { hash: new Uint8Array(512).fill(n) });
    const outcome = await daemon.client.syncReceipt(receipt, { waitFor: 'local' }).then(
      () => undefined,
      (error: unknown) => String(Object(error).code),
    );
    if (outcome !== undefined) return { acknowledged, refusedBy: outcome };
    acknowledged.push(receipt);
  }
  return { acknowledged, refusedBy: undefined };
}

async function allThere(daemon: Daemon, receipts: readonly Receipt[]): Promise<void> {
  for (const receipt of receipts) assert.deepEqual(await daemon.client.getReceipt(receipt.receiptId), receipt);
}

async function statusOf(daemon: Daemon, path: string): Promise<number> {
  return (await fetch(`${daemon.localUrl}${path}`)).status;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + UNTIL_MS;
  while (!(await isSo())) {
    assert.ok(performance.now() < deadline, `${what} within ${UNTIL_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('a full disk: no false acknowledgement, reads go on, and with space it takes receipts again by itself', async (context) => {
  if (process.getuid?.() !== 0) return context.skip('mounting a tmpfs takes root');
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-full-'));
  const daemons = await threeDaemons(folder);
  const [east] = daemons;
  assert.ok(east !== undefined);
  const data = join(east.folder, 'data');
  mkdirSync(data);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', data]);
  try {
    writeFileSync(join(data, 'filler'), Buffer.alloc(2 * 1024 * 1024));
    await east.start();
    const first = await fill(east, 'full', 5_000);
    assert.equal(first.refusedBy, 'STORE_FAILED');
    assert.ok(first.acknowledged.length > 10);
    await allThere(east, first.acknowledged);
    assert.deepEqual([await statusOf(east, '/readyz'), await statusOf(east, '/health'), await statusOf(east, '/livez')], [503, 503, 200]);
    rmSync(join(data, 'filler'));
    await until('ready again', async () => (await statusOf(east, '/readyz')) === 200);
    const second = await fill(east, 'again', 20);
    assert.deepEqual([second.refusedBy, second.acknowledged.length], [undefined, 20]);
    await east.end('SIGKILL');
    await east.start();
    await allThere(east, [...first.acknowledged, ...second.acknowledged]);
  } finally {
    await endAll(daemons);
    execFileSync('umount', [data]);
    await rm(folder, { recursive: true, force: true });
  }
});

test('one fsync fails with EIO: nothing is acknowledged until a restart, reads go on, nothing acknowledged is lost', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-eio-'));
  const daemons = await threeDaemons(folder);
  const [east] = daemons;
  assert.ok(east !== undefined);
  try {
    await east.start();
    await east.end('SIGTERM');
    await east.start(['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO:when=25']);
    const { acknowledged, refusedBy } = await fill(east, 'eio', 500);
    context.diagnostic(`${acknowledged.length} receipts were acknowledged before the fsync failed`);
    assert.equal(refusedBy, 'STORE_FAILED');
    assert.ok(acknowledged.length > 5);
    // Every fsync from here on would succeed, and still nothing is taken: the page cache is not to be trusted.
    for (const n of [1, 2, 3]) assert.deepEqual((await fill(east, `late-${n}`, 1)).acknowledged, []);
    assert.deepEqual([await statusOf(east, '/readyz'), await statusOf(east, '/livez')], [503, 200]);
    await allThere(east, acknowledged);
    assert.match(east.log, /ERROR: Store failed, this region acknowledges nothing until it is restarted/);
    await east.end('SIGKILL');
    await east.start();
    await allThere(east, acknowledged);
    assert.equal((await fill(east, 'after', 3)).refusedBy, undefined);
  } finally {
    await endAll(daemons);
    await rm(folder, { recursive: true, force: true });
  }
});

test('files that are not ours, of a newer version, or of another region are refused and left as they are', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-foreign-'));
  const open = (region: string) => openSqliteStore({ dataDir: folder, region });
  const path = join(folder, 'receipts.db');
  try {
    await writeFile(path, 'this is no database');
    await assert.rejects(open('here'), { code: 'INVALID_CONFIG', message: /no store of receipt-sync/ });
    assert.equal(await readFile(path, 'utf8'), 'this is no database');
    await rm(path);
    await (await open('here')).close();
    await assert.rejects(open('there'), { code: 'INVALID_CONFIG', message: /holds the receipts of region "here"/ });
    const newer = await readFile(path);
    newer.writeUInt32BE(99, 60);
    await writeFile(path, newer);
    await assert.rejects(open('here'), { code: 'INVALID_CONFIG', message: /newer receipt-sync \(format 99/ });
    assert.deepEqual(await readFile(path), newer);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

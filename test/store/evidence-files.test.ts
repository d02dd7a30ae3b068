import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MemoryDisk } from '../../sim/memory-disk.ts';
import { MemoryFiles } from '../../sim/memory-store.ts';
import { EvidenceDirectory } from '../../src/adapters/evidence-dir.ts';
import type { EvidenceFiles } from '../../src/ports/evidence-files.ts';
import { sha256, toHex, utf8Bytes } from '../../src/std/bytes.ts';

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-evidence-'));
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What every keeper of evidence does. */
async function contract(open: () => EvidenceFiles): Promise<void> {
  const files = open();
  const text = '{"é":1}\n';
  const name = toHex(sha256(utf8Bytes(text)));
  assert.equal(await files.read(name), undefined);
  assert.equal(await files.keep(text), name);
  assert.equal(await files.keep(text), name);
  assert.equal(await files.keep('other'), toHex(sha256(utf8Bytes('other'))));
  assert.equal(await open().read(name), text);
}

test('evidence in memory is kept by its hash', async () => {
  const disk = new MemoryDisk();
  await contract(() => new MemoryFiles(disk));
});

test('evidence in a directory is kept by its hash', async () => inFolder((folder) => contract(() => new EvidenceDirectory(folder))));

test('what is there is not written again; what is damaged is nobody’s evidence, and is written anew', async () =>
  inFolder(async (folder) => {
    const files = new EvidenceDirectory(folder);
    const name = await files.keep('text');
    const path = join(folder, 'evidence', `${name}.json`);
    const before = await stat(path);
    await files.keep('text');
    assert.deepEqual([(await stat(path)).ino, (await stat(path)).mode & 0o777], [before.ino, 0o600]);
    await writeFile(path, 'tex');
    assert.equal(await files.read(name), undefined);
    await files.keep('text');
    assert.equal(await readFile(path, 'utf8'), 'text');
    assert.deepEqual(await readdir(join(folder, 'evidence')), [`${name}.json`]);
  }));

test('a draft that a crash has left is no evidence, and in nobody’s way', async () =>
  inFolder(async (folder) => {
    const files = new EvidenceDirectory(folder);
    await files.keep('first');
    const name = toHex(sha256(utf8Bytes('second')));
    await writeFile(join(folder, 'evidence', `${name}.json.new`), 'sec');
    assert.equal(await files.read(name), undefined);
    assert.equal(await files.keep('second'), name);
    assert.equal(await files.read(name), 'second');
  }));

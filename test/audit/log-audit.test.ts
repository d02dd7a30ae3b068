import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { newKeys, readSigner } from '../../src/adapters/signer-file.ts';
import type { Finding } from '../../src/audit/finding.ts';
import { auditLog, type LogAudit } from '../../src/audit/log-audit.ts';
import { InvalidEvidenceError, ReceiptSyncError } from '../../src/errors.ts';
import type { LogSource } from '../../src/ports/log-source.ts';
import { leafHash } from '../../src/tlog/hash.ts';
import { formatNote, parseNote } from '../../src/tlog/note.ts';
import { parsePolicy } from '../../src/tlog/policy.ts';
import { tilePath } from '../../src/tlog/tile.ts';
import { verifyFork } from '../../src/verify.ts';
import { History } from '../lying-origin.ts';
import { receiptOf } from '../receipts.ts';
import { vector, vectorFiles, vectorText } from '../tlog/vectors.ts';

const LOGS = ['log-1', 'log-256', 'log-257', 'log-600'] as const;
/** Flips of a log in the normal run; every byte of all files with `FLIPS=all`. */
const FLIPS = process.env['FLIPS'] === 'all' ? Number.POSITIVE_INFINITY : 60;

type Files = ReadonlyMap<string, Uint8Array>;

/** What a web server would have of a log: its checkpoint, tiles and bundles. */
function filesOf(log: string): Files {
  const tiles = vectorFiles(log, 'tile').map((file): [string, Uint8Array] => [`tile/${file}`, vector(log, 'tile', file)]);
  return new Map([['checkpoint', vector(log, 'checkpoint')], ...tiles]);
}

function sourceOf(files: Files): LogSource {
  return {
    name: 'memory',
    checkpoint: async () => files.get('checkpoint') ?? new Uint8Array(),
    resource: async (name) => files.get(tilePath(name)),
  };
}

interface Audited {
  readonly audit: LogAudit;
  readonly findings: readonly Finding[];
}

async function audit(files: Files, log: string, more: { readonly seen?: string; readonly mayLag?: boolean } = {}): Promise<Audited> {
  const findings: Finding[] = [];
  const done = await auditLog(sourceOf(files), {
    policy: parsePolicy(vectorText(log, 'policy')),
    knowsAll: true,
    lastSeen: async () => more.seen,
    mayLag: more.mayLag === true,
    onFinding: (finding) => findings.push(finding),
    onProgress: () => undefined,
  });
  return { audit: done, findings };
}

function flipped(files: Files, name: string, at: number, bit: number): Files {
  const bytes = Uint8Array.from(files.get(name) ?? new Uint8Array());
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  return new Map([...files, [name, bytes]]);
}

for (const log of LOGS) {
  test(`the whole of ${log}, made by another implementation, verifies`, async () => {
    const { audit: done, findings } = await audit(filesOf(log), log);
    assert.deepEqual(findings, []);
    assert.deepEqual([done.verified, done.certified, done.history, done.isSound], [done.size, true, 'first', true]);
    assert.deepEqual(done.signers, ['us-east-1', 'us-west-1', 'eu-west-1']);
  });

  test(`a single byte that differs anywhere in ${log} is found`, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = new Random(seed);
    const files = filesOf(log);
    const places = [...files].flatMap(([name, bytes]) => Array.from(bytes, (_, at) => [name, at] as const));
    const chosen = FLIPS < places.length ? Array.from({ length: FLIPS }, () => random.pick(places)) : places;
    for (const [name, at] of chosen) {
      const found = await audit(flipped(files, name, at, random.below(8)), log).then(
        ({ audit: done, findings }) => done.findings > 0 && findings.length > 0,
        // A checkpoint that can't be read is the answer.
        (error: unknown) => error instanceof InvalidEvidenceError,
      );
      assert.ok(found, `${name} at ${at}, seed ${seed}`);
    }
  });
}

test('what is found is named: the tile, or the entry, and everything else still verifies', async () => {
  const files = filesOf('log-600');
  const found = async (changed: Files): Promise<readonly [number, readonly string[]]> => {
    const { audit: done, findings } = await audit(changed, 'log-600');
    return [done.verified, findings.map(({ kind, message }) => `${kind}: ${message}`)];
  };
  assert.deepEqual(await found(flipped(files, 'tile/0/001', 500, 1)), [600, ['tile: tile/0/001 does not lead to the root']]);
  assert.deepEqual(await found(flipped(files, 'tile/1/000.p/2', 40, 1)), [600, ['tile: tile/1/000.p/2 does not lead to the root']]);
  assert.deepEqual(await found(flipped(files, 'tile/0/002.p/88', 0, 1)), [600, ['tile: tile/0/002.p/88 does not lead to the root']]);
  assert.deepEqual(await found(flipped(files, 'tile/entries/000', 44 * 7 + 20, 1)), [599, ['entry: Entry 7 does not lead to the root']]);
  assert.deepEqual(await found(flipped(files, 'tile/entries/002.p/88', 44 * 87 + 20, 1)), [599, ['entry: Entry 599 does not lead to the root']]);
  const missing = new Map(files);
  missing.delete('tile/entries/001');
  assert.deepEqual(await found(missing), [344, ['entry: tile/entries/001 can not be had']]);
});

test('no tile hash is believed that the signed root does not vouch for, though entries and tile agree', async () => {
  const files = filesOf('log-600');
  const entries = flipped(files, 'tile/entries/000', 44 * 7 + 20, 1);
  const bundle = entries.get('tile/entries/000') ?? new Uint8Array();
  const tile = Uint8Array.from(files.get('tile/0/000') ?? new Uint8Array());
  tile.set(leafHash(bundle.subarray(44 * 7 + 2, 44 * 8)), 32 * 7);
  const { audit: done, findings } = await audit(new Map([...entries, ['tile/0/000', tile]]), 'log-600');
  assert.equal(done.verified, 344);
  assert.deepEqual(
    findings.map(({ kind }) => kind),
    ['tile', 'entry'],
  );
});

test('a log is compared with what was seen of it: the same, grown, shorter, another', async () => {
  const files = filesOf('log-600');
  const now = vectorText('log-600', 'checkpoint');
  const before = vectorText('log-600', 'checkpoint.old');
  const history = async (seen: string, mayLag = false): Promise<readonly [string, number]> => {
    const { audit: done } = await audit(files, 'log-600', { seen, mayLag });
    return [done.history, done.findings];
  };
  assert.deepEqual(await history(now), ['same', 0]);
  assert.deepEqual(await history(before), ['grown', 0]);
  assert.deepEqual(await history(now.replace('\n600\n', '\n601\n')), ['inconsistent', 1]);
  assert.deepEqual(await history(now.replace('\n600\n', '\n601\n'), true), ['behind', 0]);
  const otherRoot = (note: string): string => note.replace(/^(.*\n.*\n)./, '$1A');
  assert.notEqual(otherRoot(before), before);
  assert.deepEqual(await history(otherRoot(before)), ['inconsistent', 1]);
  assert.deepEqual(await history(otherRoot(now), true), ['inconsistent', 1]);
});

test('a signature of nobody, and one less than was there, are told apart', async () => {
  const files = filesOf('log-257');
  const note = parseNote(vectorText('log-257', 'checkpoint'));
  const signed = async (count: number): Promise<Audited> =>
    audit(new Map([...files, ['checkpoint', Buffer.from(formatNote({ ...note, signatures: note.signatures.slice(0, count) }))]]), 'log-257');
  assert.deepEqual([(await signed(3)).audit.certified, (await signed(3)).audit.findings], [true, 0]);
  // An origin's newest checkpoint may still wait for its quorum: that is said, and no finding.
  assert.deepEqual([(await signed(2)).audit.certified, (await signed(2)).audit.findings], [false, 0]);
  const stranger = Buffer.from(`${vectorText('log-257', 'checkpoint')}— stranger.example.com AAAAAAAA\n`);
  const { audit: done, findings } = await audit(new Map([...files, ['checkpoint', stranger]]), 'log-257');
  assert.deepEqual([done.certified, findings.map(({ kind }) => kind)], [true, ['signature']]);
});

test('a source that can not be reached is an error, not a finding', async () => {
  const away: LogSource = { ...sourceOf(filesOf('log-1')), resource: () => Promise.reject(new ReceiptSyncError('UNAVAILABLE', 'away')) };
  const policy = parsePolicy(vectorText('log-1', 'policy'));
  const options = { policy, knowsAll: true, lastSeen: async () => undefined, mayLag: false, onFinding: () => undefined, onProgress: () => undefined };
  await assert.rejects(auditLog(away, options), { code: 'UNAVAILABLE' });
});

test('where one key has signed what was seen and what is shown, the audit makes evidence that verifies by itself; a shorter log proves nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-fork-'));
  const keyFile = join(folder, 'keys.json');
  await writeFile(keyFile, newKeys({ cluster: 'test.example.com', region: 'liar' }).file, { mode: 0o600 });
  const signer = readSigner(keyFile, { cluster: 'test.example.com', region: 'liar' });
  await rm(folder, { recursive: true });
  const honest = new History(
    signer,
    Array.from({ length: 300 }, (_, n) => receiptOf(n)),
  );
  const forked = honest.forkedAt(270, ...Array.from({ length: 60 }, (_, n) => receiptOf(`fork-${n}`)));
  const look = (shown: History, seen: History): Promise<LogAudit> =>
    auditLog(shown.source(), {
      policy: { logs: [signer.logKey], witnesses: new Map(), quorum: { kind: 'none' } },
      knowsAll: false,
      lastSeen: async () => formatNote(seen.checkpoint()),
      mayLag: false,
      onFinding: () => undefined,
      onProgress: () => undefined,
    });
  assert.deepEqual([(await look(honest.with(receiptOf('more')), honest)).history, (await look(honest, honest)).history], ['grown', 'same']);
  for (const [shown, seen] of [
    [forked, honest],
    [honest.forkedAt(299, receiptOf('other')), honest],
  ] as const) {
    const { history, fork, isSound } = await look(shown, seen);
    assert.deepEqual([history, isSound], ['inconsistent', false]);
    const { valid } = await verifyFork({ evidence: fork ?? '' });
    assert.equal(valid, true);
  }
  const shorter = await look(honest, forked);
  assert.deepEqual([shorter.history, shorter.fork], ['inconsistent', undefined]);
});

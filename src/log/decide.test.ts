import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalBytes, receiptDigest } from '../receipt/canonical.ts';
import { toHex } from '../std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../tlog/edge.ts';
import { checkFrame } from './batch.ts';
import { type NewGroup, OWN_LOG, RECEIVED_LOG } from './changes.ts';
import { parseConflictBody } from './conflict.ts';
import { type AgainJob, type Decision, type DecisionInput, decide, type Job, type ReceiptJob } from './decide.ts';
import type { BatchJob } from './decide-batch.ts';
import { commitment, entryBody, entryKind, KIND_CONFLICT, nextRecordedAt, RECEIPT_ENTRY_BYTES, recordedAt, writeReceiptEntry } from './entry.ts';
import { encodeGroup, encodeOthers, GROUP_BYTES_MAX, GROUP_ENTRIES_MAX, groupItems } from './group.ts';
import { growTree } from './growth.ts';
import { emptyHead, headOf } from './heads.ts';
import type { RefusedRange } from './log-text.ts';

function job(from: 'application' | 'peer', receiptId: string, content = 1): ReceiptJob {
  const receipt = { receiptId, transactionId: '', hash: Uint8Array.of(content), ticks: 1, spanId: 0n, committed: true };
  return { from, receiptId, receipt, canonical: Buffer.from(`${receiptId}/${content}`), digest: Buffer.alloc(32, content) };
}

function input(change: Partial<DecisionInput> = {}): DecisionInput {
  return {
    region: 'here',
    heads: new Map(),
    known: new Map(),
    nowMs: 1_000,
    salts: new Uint8Array(16 * 8),
    origins: new Map(),
    isCertified: () => false,
    ...change,
  };
}

function decided(jobs: readonly Job[], given: DecisionInput): Decision & { readonly groups: readonly NewGroup[] } {
  const decision = decide(jobs, given);
  return { ...decision, groups: decision.changes.groups };
}

test("the vector's entry is that of SPEC §2", () => {
  const entry = Buffer.alloc(42);
  const digest = Buffer.from('f933678ac500715d934cfd9ec0443385a5392ac4fb5c36cf43b9aa56dc3a2052', 'hex');
  const salt = Buffer.from('67c9b2889d4383d8dc2b77a5f08bce5f', 'hex');
  writeReceiptEntry(entry, 0, { recordedAt: 0x019a8c89d6b80002n, commitment: commitment(salt, digest) });
  assert.equal(toHex(entry), '0101019a8c89d6b800023256a369adff5748dcb812b845e88578e356ccd5f5dc203eb218d78bcb41d96f');
});

test('the first content of a group wins, in the order of the jobs', () => {
  const { answers, groups } = decided([job('application', 'a', 1), job('peer', 'a', 2), job('application', 'a', 2), job('application', 'a', 1)], input());
  assert.deepEqual(
    answers.map(({ kind }) => kind),
    ['appended', 'conflict', 'conflict', 'known'],
  );
  assert.deepEqual(
    groups.map(({ log, count }) => [log, count]),
    [[OWN_LOG, 1]],
  );
});

test('what the store knows wins over everything in the group', () => {
  const known = new Map([['a', { digest: Buffer.alloc(32, 7), places: [{ log: OWN_LOG, index: 3 }] }]]);
  const { answers } = decided([job('application', 'a', 1), job('peer', 'a', 7), job('application', 'a', 7)], input({ known }));
  assert.deepEqual(answers, [
    { kind: 'conflict', held: Buffer.alloc(32, 7) },
    { kind: 'known', index: 3 },
    { kind: 'known', index: 3 },
  ]);
});

test('a receipt of the own application that is held only through others goes into the own log too', () => {
  const known = new Map([['a', { digest: Buffer.alloc(32, 1), places: [{ log: RECEIVED_LOG, index: 0 }] }]]);
  const { answers, groups } = decided([job('peer', 'a'), job('application', 'a'), job('application', 'a')], input({ known }));
  assert.deepEqual(
    answers.map(({ kind }) => kind),
    ['known', 'appended', 'known'],
  );
  assert.deepEqual(
    groups.map(({ log }) => log),
    [OWN_LOG],
  );
});

test('each log goes on where it ended, and its times strictly increase even where the clock goes back', () => {
  const heads = new Map([[OWN_LOG, { ...emptyHead(OWN_LOG), size: 5, lastRecordedAt: 10n ** 15n, edge: append(EMPTY_EDGE, new Uint8Array(5 * 32)).edge }]]);
  const { groups, heads: after } = decided([job('application', 'a'), job('peer', 'b'), job('application', 'c')], input({ heads, nowMs: 1 }));
  assert.deepEqual(
    groups.map(({ log, start, count }) => [log, start, count]),
    [
      [OWN_LOG, 5, 2],
      [RECEIVED_LOG, 0, 1],
    ],
  );
  assert.deepEqual(
    groups.map(({ frame }) => [...groupItems(frame)].map(({ entry }) => recordedAt(entry))),
    [[10n ** 15n + 1n, 10n ** 15n + 2n], [65_536n]],
  );
  assert.deepEqual([after.get(OWN_LOG)?.size, after.get(OWN_LOG)?.lastRecordedAt, after.get(OWN_LOG)?.edge?.size], [7, 10n ** 15n + 2n, 7]);
  assert.equal(nextRecordedAt(0n, 1_000), 65_536_000n);
});

test('a clock that is further ahead than 64 bits can say stands still in the year 4199: times go on rising from there, over restarts too', () => {
  let last = 0n;
  for (const nowMs of [8e15, 1e15, 2.7e14, 2 ** 46, 1_000]) {
    const at = nextRecordedAt(last, nowMs);
    const entry = entryOf(at);
    assert.equal(recordedAt(entry), at);
    assert.ok(at > last && at < 2n ** 63n, String(at));
    last = recordedAt(entry);
  }
});

function entryOf(at: bigint): Uint8Array {
  const entry = new Uint8Array(RECEIPT_ENTRY_BYTES);
  writeReceiptEntry(entry, 0, { recordedAt: at, commitment: new Uint8Array(32) });
  return entry;
}

test('a frame gives back entry, canonical bytes and salt, and every receipt has a salt of its own', () => {
  const salts = Uint8Array.from({ length: 32 }, (_, n) => n);
  const { groups } = decided([job('application', 'a'), job('application', 'b')], input({ salts }));
  const items = [...groupItems(groups[0]?.frame ?? new Uint8Array())];
  assert.deepEqual(
    items.map(({ canonical }) => canonical.toString()),
    ['a/1', 'b/1'],
  );
  assert.deepEqual(
    items.map(({ salt }) => toHex(salt)),
    [toHex(salts.subarray(0, 16)), toHex(salts.subarray(16))],
  );
  assert.deepEqual(
    items.map(({ entry, salt }) => toHex(entry.subarray(10)) === toHex(commitment(salt, Buffer.alloc(32, 1)))),
    [true, true],
  );
});

const MIRRORED = 3;
const ORIGINS = new Map([
  [OWN_LOG, 'd/here/log/1'],
  [MIRRORED, 'd/there/log/1'],
]);

/** A job with real bytes, which a mirror can check. */
function sealedJob(from: 'application' | 'peer', receiptId: string, ticks = 1): ReceiptJob {
  const receipt = { receiptId, transactionId: '', hash: Uint8Array.of(1), ticks, spanId: 0n, committed: true };
  const canonical = canonicalBytes(receipt);
  return { from, receiptId, receipt, canonical, digest: receiptDigest(canonical) };
}

/** A batch of another region's log from its beginning, signed as naming these. */
function batchOf(jobs: readonly ReceiptJob[], refused: readonly RefusedRange[] = []): BatchJob {
  const frame = encodeGroup(jobs, new Uint8Array(16 * jobs.length), 1n);
  const { items, leaves } = checkFrame({ frame, count: jobs.length, start: 0 });
  const root = rootOf(growTree(MIRRORED, EMPTY_EDGE, leaves).edge);
  const text = { origin: 'd/there/log/1', size: jobs.length, root, refused };
  return { from: 'origin', log: MIRRORED, start: 0, items, leaves, frame, text, textHash: 'hash', note: 'note', atS: 1 };
}

function evidenceIn(groups: readonly NewGroup[]): readonly ReturnType<typeof parseConflictBody>[] {
  const entries = groups.filter(({ log }) => log === OWN_LOG).flatMap(({ frame }) => [...groupItems(frame)].map(({ entry }) => entry));
  return entries.filter((entry) => entryKind(entry) === KIND_CONFLICT).map((entry) => parseConflictBody(entryBody(entry)));
}

test('a second content in a mirrored log is stored, refused, and on record in the own log in the same turn', () => {
  const known = new Map([['a', { digest: sealedJob('application', 'a').digest, places: [{ log: OWN_LOG, index: 4 }] }]]);
  const heads = new Map([[OWN_LOG, { ...emptyHead(OWN_LOG), size: 5, lastRecordedAt: 5n, edge: append(EMPTY_EDGE, new Uint8Array(5 * 32)).edge }]]);
  const batch = batchOf([sealedJob('application', 'b'), sealedJob('application', 'a', 2), sealedJob('application', 'c')]);
  const { answers, groups, heads: after, conflicts, changes } = decided([sealedJob('application', 'd'), batch], input({ known, heads, origins: ORIGINS }));
  assert.deepEqual(answers[1], { kind: 'refuses', ranges: [{ first: 1, last: 1 }] });
  assert.deepEqual(
    groups.map(({ log, start, count, refused }) => [log, start, count, refused]),
    [
      [MIRRORED, 0, 3, [1]],
      [OWN_LOG, 5, 1, []],
      [OWN_LOG, 6, 1, []],
    ],
  );
  assert.deepEqual(evidenceIn(groups), [{ refused: { origin: 'd/there/log/1', index: 1 }, first: { origin: 'd/here/log/1', index: 4 } }]);
  assert.deepEqual(changes.refusals, [{ log: MIRRORED, region: 'here', first: 1, last: 1 }]);
  assert.deepEqual([headOf(after, MIRRORED).refused, headOf(after, OWN_LOG).size, headOf(after, OWN_LOG).others], [[1], 7, 1]);
  assert.equal(headOf(after, OWN_LOG).edge?.size, 7);
  assert.deepEqual(
    conflicts.map(({ receiptId, index, log }) => [receiptId, log, index]),
    [['a', MIRRORED, 1]],
  );
  const times = groups.filter(({ log }) => log === OWN_LOG).flatMap(({ frame }) => [...groupItems(frame)].map(({ entry }) => recordedAt(entry)));
  assert.ok((times[0] ?? 0n) < (times[1] ?? 0n));
});

test('whoever comes first in a turn wins, own receipt or batch, and the own log never holds what this region refuses', () => {
  const [own, batch] = [sealedJob('application', 'a'), batchOf([sealedJob('application', 'a', 2)])];
  const ownFirst = decided([own, batch], input({ origins: ORIGINS }));
  assert.deepEqual(
    ownFirst.answers.map(({ kind }) => kind),
    ['appended', 'refuses'],
  );
  assert.deepEqual(evidenceIn(ownFirst.groups), [{ refused: { origin: 'd/there/log/1', index: 0 }, first: { origin: 'd/here/log/1', index: 0 } }]);
  const batchFirst = decided([batch, own], input({ origins: ORIGINS }));
  assert.deepEqual(
    batchFirst.answers.map(({ kind }) => kind),
    ['cosigned', 'conflict'],
  );
  assert.deepEqual(
    batchFirst.groups.map(({ log }) => log),
    [MIRRORED],
  );
});

test('the second of two contents within one batch is refused, and what a text names is no reason not to sign it', () => {
  const jobs = [sealedJob('application', 'a'), sealedJob('application', 'a', 2)];
  assert.deepEqual(decided([batchOf(jobs)], input({ origins: ORIGINS })).answers, [{ kind: 'refuses', ranges: [{ first: 1, last: 1 }] }]);
  const joined = batchOf([...jobs, sealedJob('application', 'b')], [{ region: 'here', first: 0, last: 2 }]);
  assert.deepEqual(decided([joined], input({ origins: ORIGINS })).answers, [{ kind: 'cosigned', atS: 1 }]);
  const others = batchOf(jobs, [{ region: 'elsewhere', first: 0, last: 1 }]);
  assert.deepEqual(decided([others], input({ origins: ORIGINS })).answers, [{ kind: 'refuses', ranges: [{ first: 1, last: 1 }] }]);
});

test('evidence of what came by the plain protocol first names no origin', () => {
  const { groups } = decided([sealedJob('peer', 'a'), batchOf([sealedJob('application', 'a', 2)])], input({ origins: ORIGINS }));
  assert.deepEqual(evidenceIn(groups)[0]?.first, { origin: '', index: 0 });
});

test('a batch whose root is another one brings no conflict: nothing of it is taken', () => {
  const batch = batchOf([sealedJob('application', 'a', 2)]);
  const wrong = { ...batch, text: { ...batch.text, root: new Uint8Array(32) } };
  const { answers, groups, conflicts } = decided([sealedJob('application', 'a'), wrong], input({ origins: ORIGINS }));
  assert.deepEqual([answers[1]?.kind, conflicts.length, groups.length], ['differs', 0, 1]);
});

test('what another log holds is appended to the own one too, unless this region holds a certificate of it', () => {
  const place = { log: MIRRORED, index: 8 };
  const known = new Map([['a', { digest: sealedJob('application', 'a').digest, places: [place] }]]);
  const asked = (isCertified: boolean): Decision => decide([sealedJob('application', 'a')], input({ known, isCertified: () => isCertified }));
  assert.deepEqual(asked(false).answers, [{ kind: 'appended', index: 0 }]);
  assert.deepEqual(asked(true).answers, [{ kind: 'certified', place }]);
  assert.deepEqual(asked(true).changes.groups, []);
});

test('a receipt is appended again once, with a new salt, and is no conflict there or in a mirror', () => {
  const job = sealedJob('application', 'a');
  const again: AgainJob = { ...job, from: 'again', index: 2 };
  const heads = new Map([[OWN_LOG, { ...emptyHead(OWN_LOG), size: 3, edge: append(EMPTY_EDGE, new Uint8Array(3 * 32)).edge }]]);
  const known = new Map([['a', { digest: job.digest, places: [{ log: OWN_LOG, index: 2 }] }]]);
  const salts = Uint8Array.from({ length: 64 }, (_, n) => n);
  const { answers, groups } = decided([again, again, job], input({ heads, known, salts }));
  assert.deepEqual(answers, [
    { kind: 'appended', index: 3 },
    { kind: 'known', index: 3 },
    { kind: 'known', index: 3 },
  ]);
  assert.deepEqual(
    groups.map(({ start, count, again: places }) => [start, count, places]),
    [[3, 1, [0]]],
  );
  assert.deepEqual(decided([{ ...again, index: 1 }], input({ heads, known })).answers, [{ kind: 'known', index: 2 }]);
  const mirror = decided([batchOf([job, sealedJob('application', 'b'), job])], input({ origins: ORIGINS }));
  assert.deepEqual([mirror.answers[0]?.kind, mirror.groups[0]?.refused, mirror.groups[0]?.again], ['cosigned', [], [2]]);
});

test('what the own log does not hold with this content is not appended again', () => {
  const job = sealedJob('application', 'a');
  const again: AgainJob = { ...job, from: 'again', index: 2 };
  const known = (digest: Uint8Array, log: number): DecisionInput['known'] => new Map([['a', { digest, places: [{ log, index: 2 }] }]]);
  for (const before of [new Map(), known(job.digest, MIRRORED), known(sealedJob('application', 'a', 2).digest, OWN_LOG)]) {
    const { answers, groups } = decided([again], input({ known: before }));
    assert.deepEqual([answers, groups], [[{ kind: 'known', index: 2 }], []]);
  }
});

test('the own tree grows by what is appended, and is written with it', () => {
  const { changes, heads } = decided([job('application', 'a'), job('application', 'b')], input());
  const head = headOf(heads, OWN_LOG);
  assert.deepEqual(
    changes.trees.map(({ log, size, root }) => [log, size, toHex(root)]),
    [[OWN_LOG, 2, toHex(rootOf(head.edge ?? EMPTY_EDGE))]],
  );
});

test('evidence fills as many groups as it takes, each small enough for one batch', () => {
  const many = encodeOthers(
    KIND_CONFLICT,
    Array.from({ length: GROUP_ENTRIES_MAX + 5 }, () => new Uint8Array(40)),
    10n,
  );
  assert.deepEqual(
    many.map(({ count }) => count),
    [GROUP_ENTRIES_MAX, 5],
  );
  const large = encodeOthers(
    KIND_CONFLICT,
    Array.from({ length: 600 }, () => new Uint8Array(16_000)),
    10n,
  );
  assert.ok(large.length > 1 && large.every(({ frame }) => frame.length <= GROUP_BYTES_MAX));
  const times = large.flatMap(({ frame }) => [...groupItems(frame)].map(({ entry }) => recordedAt(entry)));
  assert.deepEqual(
    times,
    Array.from({ length: 600 }, (_, n) => 10n + BigInt(n)),
  );
});

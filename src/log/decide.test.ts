import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toHex } from '../std/bytes.ts';
import { append, EMPTY_EDGE } from '../tlog/edge.ts';
import { type NewGroup, OWN_LOG, RECEIVED_LOG } from './changes.ts';
import { type Decision, type DecisionInput, decide, type Job, type ReceiptJob } from './decide.ts';
import { commitment, nextRecordedAt, recordedAt, writeReceiptEntry } from './entry.ts';
import { groupItems } from './group.ts';
import { emptyHead } from './heads.ts';

function job(from: 'application' | 'peer', receiptId: string, content = 1): ReceiptJob {
  const receipt = { receiptId, transactionId: '', hash: Uint8Array.of(content), ticks: 1, spanId: 0n, committed: true };
  return { from, receiptId, receipt, canonical: Buffer.from(`${receiptId}/${content}`), digest: Buffer.alloc(32, content) };
}

function input(change: Partial<DecisionInput> = {}): DecisionInput {
  return { region: 'here', heads: new Map(), known: new Map(), nowMs: 1_000, salts: new Uint8Array(16 * 8), ...change };
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

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalBytes, receiptDigest } from '../receipt/canonical.ts';
import { concatBytes } from '../std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../tlog/edge.ts';
import { checkFrame } from './batch.ts';
import { type KnownReceipt, type NewGroup, OWN_LOG, type Place, RECEIVED_LOG, TEXTS_KEPT } from './changes.ts';
import { type Decision, decide, type Job } from './decide.ts';
import { appendChecked, type BatchJob } from './decide-batch.ts';
import { KIND_CONFLICT, RECEIPT_ENTRY_BYTES, recordedAt } from './entry.ts';
import { encodeGroup, encodeOthers, groupItems } from './group.ts';
import { type Heads, headOf } from './heads.ts';
import { Turn } from './turn.ts';

const MIRRORED = 3;
const NEXT = 4;

/** The log of another region, piece by piece: `a` is a receipt, `a/2` another content under its id, `-` an entry whose receipt is not there, `!` evidence. */
function pieces(...log: readonly string[]): readonly Uint8Array[] {
  return log.map((piece, n) => {
    const at = BigInt(1_000 + n);
    if (piece === '!') return encodeOthers(KIND_CONFLICT, [new Uint8Array(20)], at)[0]?.frame ?? new Uint8Array();
    const [receiptId = '', ticks = '1'] = piece.split('/');
    const canonical = canonicalBytes({ receiptId, transactionId: '', hash: Uint8Array.of(1), ticks: Number(ticks), spanId: 0n, committed: true });
    const frame = encodeGroup([{ canonical, digest: receiptDigest(canonical) }], new Uint8Array(16).fill(n), at);
    return piece === '-' ? concatBytes([frame.subarray(0, 2 + RECEIPT_ENTRY_BYTES), new Uint8Array(2)]) : frame;
  });
}

/** A batch of the entries [start, end) of that log, signed as it is. */
function batchOf(log: readonly Uint8Array[], start: number, change: Partial<BatchJob> = {}): BatchJob {
  const frame = concatBytes(log.slice(start));
  const all = checkFrame({ frame: concatBytes(log), count: log.length, start: 0 });
  const { items, leaves } = checkFrame({ frame, count: log.length - start, start });
  const text = { origin: 'd/there/log/1', size: log.length, root: rootOf(append(EMPTY_EDGE, all.leaves).edge), refused: [] };
  return { from: 'origin', log: MIRRORED, start, items, leaves, frame, text, textHash: `text of ${log.length}`, note: 'note', atS: log.length, ...change };
}

/** What one turn after the other comes to. */
function turn(jobs: readonly Job[], before?: Decision, known: ReadonlyMap<string, KnownReceipt> = new Map()): Decision {
  const heads: Heads = before?.heads ?? new Map();
  return decide(jobs, { region: 'here', heads, known, nowMs: 1, salts: new Uint8Array(64), origins: new Map(), isCertified: () => false });
}

function onlyGroup({ changes: { groups } }: Decision): NewGroup {
  const [group] = groups;
  assert.ok(group !== undefined && groups.length === 1);
  return group;
}

test('a batch that begins beyond the own size is told that size, and nothing of it is taken', () => {
  const { answers, changes } = turn([batchOf(pieces('a', 'b', 'c'), 1)]);
  assert.deepEqual(answers, [{ kind: 'behind', size: 0 }]);
  assert.deepEqual(changes.groups, []);
  assert.equal(turn([batchOf(pieces('a'), 0)]).answers[0]?.kind, 'cosigned');
});

test('of a batch that overlaps what is there only the rest is appended, with its tree, its digests and its last time', () => {
  const log = pieces('a', '!', 'b', '!');
  const first = turn([batchOf(log.slice(0, 2), 0)]);
  const second = turn([batchOf(log, 1)], first);
  const { start, count, frame, digests } = onlyGroup(second);
  assert.deepEqual([start, count], [2, 2]);
  assert.deepEqual(Buffer.from(frame), Buffer.concat(log.slice(2)));
  const [item] = groupItems(frame);
  assert.deepEqual(Buffer.from(digests), Buffer.concat([receiptDigest(item?.canonical ?? new Uint8Array()), new Uint8Array(32)]));
  assert.deepEqual(
    second.changes.trees.map(({ size, root }) => [size, Buffer.from(root)]),
    [[4, Buffer.from(batchOf(log, 0).text.root)]],
  );
  const head = headOf(second.heads, MIRRORED);
  assert.deepEqual(
    [head.size, head.others, head.lastRecordedAt],
    [4, 2, recordedAt([...groupItems(log[3] ?? new Uint8Array())][0]?.entry ?? new Uint8Array())],
  );
});

test('a log that nobody mirrors grows without a tree, as a backup brings it', () => {
  const { frame, items } = batchOf(pieces('a', 'b'), 0);
  const restored = new Turn('west', new Map(), new Map());
  appendChecked(restored, { log: RECEIVED_LOG, frame, items }, undefined);
  const { trees, groups } = restored.written();
  assert.deepEqual([trees, groups.map(({ log, start, count }) => [log, start, count])], [[], [[RECEIVED_LOG, 0, 2]]]);
  assert.deepEqual([headOf(restored.heads, RECEIVED_LOG).size, headOf(restored.heads, RECEIVED_LOG).edge], [2, undefined]);
});

test('a text that was signed is signed again with the time of then, also once the log has grown', () => {
  const log = pieces('a', 'b');
  const first = turn([batchOf(log.slice(0, 1), 0, { atS: 7 })]);
  assert.deepEqual(turn([batchOf(log.slice(0, 1), 1, { atS: 9 })], first).answers, [{ kind: 'cosigned', atS: 7 }]);
  const second = turn([batchOf(log, 1)], first);
  const again = turn([batchOf(log.slice(0, 1), 0, { atS: 9 })], second);
  assert.deepEqual(again.answers, [{ kind: 'cosigned', atS: 7 }]);
  assert.deepEqual([again.changes.texts, again.changes.groups], [[], []]);
});

test('a smaller text that was not signed is never signed: its origin is told the size', () => {
  const log = pieces('a', 'b');
  const both = turn([batchOf(log, 0)]);
  assert.deepEqual(turn([batchOf(log.slice(0, 1), 0)], both).answers, [{ kind: 'behind', size: 2 }]);
});

test('another text of the own size is signed if its root is the own one, and is a fork otherwise', () => {
  const log = pieces('a', 'b');
  const both = turn([batchOf(log, 0)]);
  const other = turn([batchOf(log, 2, { textHash: 'other', atS: 9 })], both);
  assert.deepEqual(other.answers, [{ kind: 'cosigned', atS: 9 }]);
  assert.deepEqual(
    other.changes.texts.map(({ hash, size }) => [hash, size]),
    [['other', 2]],
  );
  const fork = turn([batchOf(pieces('a', 'c'), 2, { textHash: 'fork' })], both);
  assert.deepEqual([fork.answers, fork.changes.texts], [[{ kind: 'differs', isFork: true }], []]);
});

test('of each log the newest texts are remembered, as many as are kept', () => {
  const log = pieces('a');
  let decision = turn([batchOf(log, 0, { textHash: 'first' })]);
  for (let n = 0; n < TEXTS_KEPT; n += 1) decision = turn([batchOf(log, 1, { textHash: `${n}` })], decision);
  assert.equal(headOf(decision.heads, MIRRORED).texts.length, TEXTS_KEPT);
  assert.deepEqual(turn([batchOf(log, 1, { textHash: 'first', atS: 99 })], decision).answers, [{ kind: 'cosigned', atS: 99 }]);
});

test('entries that lead to another root than the signed one are not taken', () => {
  const first = turn([batchOf(pieces('a'), 0)]);
  const { answers, changes } = turn([batchOf(pieces('b', 'c'), 1)], first);
  assert.deepEqual([answers, changes.groups], [[{ kind: 'differs', isFork: false }], []]);
});

test('an entry without its receipt is refused and is no conflict; an entry of another kind is neither', () => {
  const decision = turn([batchOf(pieces('a', '!', '-'), 0)]);
  assert.deepEqual(decision.answers, [{ kind: 'refuses', ranges: [{ first: 2, last: 2 }] }]);
  assert.deepEqual([onlyGroup(decision).refused, decision.conflicts], [[2], []]);
  assert.deepEqual([headOf(decision.heads, MIRRORED).refused, headOf(decision.heads, MIRRORED).others], [[2], 2]);
});

test('what was refused before is asked to be named with every text, however far the log has grown', () => {
  const log = pieces('a', '-', 'b');
  const first = turn([batchOf(log.slice(0, 2), 0)]);
  const second = turn([batchOf(log, 2)], first);
  assert.deepEqual(second.answers, [{ kind: 'refuses', ranges: [{ first: 1, last: 1 }] }]);
  assert.deepEqual(headOf(second.heads, MIRRORED).refused, [1]);
  const named = batchOf(log, 3, { text: { ...batchOf(log, 0).text, refused: [{ region: 'here', first: 1, last: 1 }] } });
  assert.deepEqual(turn([named], second).answers, [{ kind: 'cosigned', atS: 3 }]);
});

test('a receipt that this log holds already is one more place of it; one that another log holds is new here', () => {
  const elsewhere = turn([batchOf(pieces('a', 'b'), 0), batchOf(pieces('b', 'c', 'b'), 0, { log: NEXT })]);
  assert.deepEqual(
    elsewhere.changes.groups.map(({ log, again, refused }) => [log, again, refused]),
    [
      [MIRRORED, [], []],
      [NEXT, [2], []],
    ],
  );
});

test('the evidence of a conflict points to the own log, else to a mirrored one, else to where nobody looks', () => {
  const digest = receiptDigest(canonicalBytes({ receiptId: 'a', transactionId: '', hash: Uint8Array.of(1), ticks: 1, spanId: 0n, committed: true }));
  const firstOf = (...logs: readonly number[]): Place | undefined => {
    const known = new Map([['a', { digest, places: logs.map((log) => ({ log, index: 8 })) }]]);
    return turn([batchOf(pieces('a/2'), 0)], undefined, known).conflicts[0]?.first;
  };
  assert.equal(firstOf(RECEIVED_LOG, NEXT, OWN_LOG)?.log, OWN_LOG);
  assert.equal(firstOf(RECEIVED_LOG, NEXT)?.log, NEXT);
  assert.equal(firstOf(RECEIVED_LOG)?.log, RECEIVED_LOG);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OWN_LOG, RECEIVED_LOG } from '../../src/log/changes.ts';
import { type DecisionInput, decide } from '../../src/log/decide.ts';
import type { BatchAnswer, BatchItem, BatchJob } from '../../src/log/decide-batch.ts';
import { commitment, RECEIPT_ENTRY_BYTES, writeReceiptEntry } from '../../src/log/entry.ts';
import { emptyHead, headOf } from '../../src/log/heads.ts';
import type { RefusedRange } from '../../src/log/log-text.ts';
import { type IndexRange, withRefused } from '../../src/log/refused-lines.ts';
import { concatBytes } from '../../src/std/bytes.ts';
import { append, EMPTY_EDGE, rootOf } from '../../src/tlog/edge.ts';
import { leafHash } from '../../src/tlog/hash.ts';
import { contentAt, takeBatch } from './mirror.ts';
import { type Content, EMPTY, type Log, type Region, type RegionState, regionKey } from './state.ts';
import { logOf, usefulTexts } from './text.ts';

/** Where the code keeps the mirrored log that this is about. */
const MIRRORED = 3;
const LIAR: Region = 0;
const MIRROR: Region = 2;
/** Forks at either entry, both contents in one log, with and without the lines that the mirror asks for. */
const TEXTS = ['1', '2', '1f', '2f', '12', '21'].flatMap((log) => [...usefulTexts(log)]).filter((text) => !/[AB]/.test(text));
const MIRRORS = mirrorsOf();

test('the code decides every batch as the model does, in every state that a mirror gets into', (context) => {
  let decisions = 0;
  for (const region of MIRRORS)
    for (const text of TEXTS)
      for (let start = 0; start <= logOf(text).length; start += 1) {
        assert.deepEqual(inCode(region, text, start), inModel(region, text, start), `${JSON.stringify(region)} is sent ${text} from ${start}`);
        decisions += 1;
      }
  context.diagnostic(`${MIRRORS.length} states of a mirror, ${decisions} decisions`);
  assert.ok(MIRRORS.length > 20);
});

test('the code refuses the receipt that the model refuses', () => {
  for (const region of MIRRORS)
    for (const content of ['1', '2'] as const) {
      const receipt = { receiptId: 'x', transactionId: '', hash: Uint8Array.of(1), ticks: 1, spanId: 0n, committed: true };
      const job = { from: 'application', receiptId: 'x', receipt, canonical: new Uint8Array(1), digest: digestOf(content) } as const;
      const [answer] = decide([job], inputOf(region)).answers;
      assert.equal(answer?.kind === 'conflict', region.first !== '' && region.first !== content, `${JSON.stringify(region)} is brought ${content}`);
    }
});

/** Every state that the mirror gets into by batches of these texts, whatever it knew of the id before. */
function mirrorsOf(): readonly RegionState[] {
  const contents: readonly Content[] = ['', '1', '2'];
  const seen = new Map<string, RegionState>();
  const open = contents.map((first) => ({ ...EMPTY.regions[MIRROR], first }));
  for (let region = open.pop(); region !== undefined; region = open.pop()) {
    const key = regionKey(region);
    if (seen.has(key)) continue;
    seen.set(key, region);
    for (const text of TEXTS) open.push(takeBatch(region, { to: MIRROR, origin: LIAR, text }).after);
  }
  return [...seen.values()];
}

/** What is compared: the answer, and what is durable after it. */
interface Outcome {
  readonly answer: 'cosigned' | 'nothing' | string;
  readonly size: number;
  readonly refused: string;
  readonly texts: readonly string[];
}

function inModel(region: RegionState, text: string, start: number): Outcome {
  // The model knows no batch that begins beyond what is there: the code must answer it with the size.
  const isAhead = start > region.copies[LIAR].log.length;
  const { after, answer } = isAhead ? { after: region, answer: { kind: 'nothing' } as const } : takeBatch(region, { to: MIRROR, origin: LIAR, text });
  const { log, refused, texts } = after.copies[LIAR];
  return { answer: answer.kind === 'refuses' ? `refuses ${answer.indices}` : answer.kind, size: log.length, refused, texts: [...texts].sort() };
}

function inCode(region: RegionState, text: string, start: number): Outcome {
  const decision = decide([batchOf(text, start)], inputOf(region));
  const [answer] = decision.answers;
  assert.ok(answer !== undefined && answer.kind !== 'appended' && answer.kind !== 'known' && answer.kind !== 'certified' && answer.kind !== 'conflict');
  const { size, refused, texts } = headOf(decision.heads, MIRRORED);
  return { answer: wordOf(answer), size, refused: refused.join(''), texts: texts.map(({ hash }) => hash).sort() };
}

function wordOf(answer: BatchAnswer): string {
  if (answer.kind === 'refuses') return `refuses ${indicesOf(answer.ranges)}`;
  return answer.kind === 'cosigned' ? 'cosigned' : 'nothing';
}

function indicesOf(ranges: readonly IndexRange[]): string {
  return ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, n) => String(first + n))).join('');
}

/** The region's disk, as the code knows it: one mirrored log, and what is known of the id. */
function inputOf({ first, copies }: RegionState): DecisionInput {
  const copy = copies[LIAR];
  const head = {
    ...emptyHead(MIRRORED),
    size: copy.log.length,
    edge: append(EMPTY_EDGE, leavesOf(copy.log)).edge,
    texts: copy.texts.map((text) => ({ log: MIRRORED, size: logOf(text).length, hash: text, atS: 1, note: '' })),
    refused: [...copy.refused].map(Number),
  };
  const places = [{ log: RECEIVED_LOG, index: 0 }];
  const known = first === '' ? [] : [['x', { digest: digestOf(first), places }] as const];
  return {
    region: 'C',
    heads: new Map([
      [OWN_LOG, emptyHead(OWN_LOG)],
      [MIRRORED, head],
    ]),
    known: new Map(known),
    nowMs: 1,
    salts: new Uint8Array(16),
    origins: new Map(),
    isCertified: () => false,
  };
}

function batchOf(text: string, start: number): BatchJob {
  const log = logOf(text);
  const items = itemsOf(log).slice(start);
  const lines = text.split('!').slice(1);
  const named = lines.map((line) => ({ region: line.charAt(0), first: Number(line.charAt(1)), last: Number(line.charAt(1)) }));
  const root = rootOf(append(EMPTY_EDGE, leavesOf(log)).edge);
  const signed = { origin: 'A', size: log.length, root, refused: named.reduce<readonly RefusedRange[]>(withRefused, []) };
  const leaves = leavesOf(log).subarray(start * 32);
  return { from: 'origin', log: MIRRORED, start, items, frame: new Uint8Array(0), leaves, text: signed, textHash: text, note: '', atS: 1 };
}

function itemsOf(log: Log): readonly BatchItem[] {
  return [...log].map((letter, index) => ({
    entry: entryOf(letter),
    receipt: { id: contentAt(log, index) === '' ? 'another' : 'x', digest: digestOf(letter) },
    offset: 0,
  }));
}

function leavesOf(log: Log): Uint8Array {
  return concatBytes([...log].map((letter) => leafHash(entryOf(letter))));
}

function entryOf(letter: string): Uint8Array {
  const entry = new Uint8Array(RECEIPT_ENTRY_BYTES);
  writeReceiptEntry(entry, 0, { recordedAt: 1n, commitment: commitment(new Uint8Array(16), digestOf(letter)) });
  return entry;
}

function digestOf(letter: string): Uint8Array {
  return new Uint8Array(32).fill(letter.charCodeAt(0));
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENTRY_BYTES_MAX, entryOfKind, KIND_CONFLICT, recordedAt, recordedAtMs } from '../../src/log/entry.ts';
import type { RefusedRange } from '../../src/log/log-text.ts';
import { checkRange, type RangeReport } from '../../src/quorum/certified-range.ts';
import { formatRangeEntry, formatRangeHeader } from '../../src/quorum/range-format.ts';
import { receiptJson } from '../../src/receipt/wire.ts';
import { rfc3339 } from '../../src/std/time.ts';
import { formatNote } from '../../src/tlog/note.ts';
import { formatVerifierKey } from '../../src/tlog/vkey.ts';
import { LogByHand, signerOf } from '../mirror/by-hand.ts';
import { receiptOf } from '../receipts.ts';

const [EAST, WEST, EU] = [signerOf('us-east-1'), signerOf('us-west-1'), signerOf('eu-west-1')];
const KEYS = `log ${formatVerifierKey(EAST.logKey)}\nwitness us-west-1 ${formatVerifierKey(WEST.mirrorKey)}\nwitness eu-west-1 ${formatVerifierKey(EU.mirrorKey)}\n`;
const BOTH = `${KEYS}group g all us-west-1 eu-west-1\nquorum g\n`;
const ONE = `${KEYS}group g any us-west-1 eu-west-1\nquorum g\n`;

/** Five receipts, one a tick of the clock. */
function five(): LogByHand {
  return new LogByHand(EAST).add(...[0, 1, 2, 3, 4].map((n) => receiptOf(n)));
}

function timeOf(log: LogByHand, index: number): bigint {
  return recordedAt(log.items[index]?.entry ?? new Uint8Array(10));
}

interface Span {
  readonly since: bigint;
  readonly until: bigint;
  /** Of these entries the receipts are in the file; without a word those of the span. */
  readonly held?: (index: number) => boolean;
  readonly refused?: readonly RefusedRange[];
  readonly signers?: readonly (typeof WEST)[];
  readonly end?: number;
}

/** The whole log as a range. */
function rangeOf(log: LogByHand, span: Span): string {
  const { since, until, refused = [], signers = [WEST, EU], end = log.size } = span;
  const { held = (index: number) => timeOf(log, index) >= since && timeOf(log, index) < until } = span;
  const note = log.note(log.size, { refused });
  const signed = { text: note.text, signatures: [...note.signatures, ...signers.map((signer) => signer.cosign(note.text, 1_700_000_000))] };
  const lines = log.items.map(({ entry, salt }, n) => formatRangeEntry(entry, held(n) ? { salt, json: receiptJson(receiptOf(n)) } : undefined));
  return formatRangeHeader({ since, until, first: 0, end, beside: [], note: formatNote(signed) }) + lines.join('');
}

async function checked(text: string, policy: string = BOTH): Promise<RangeReport & { readonly detail: (check: string) => string; readonly failed: string }> {
  async function* lines(): AsyncGenerator<string> {
    yield* text.split('\n').slice(0, -1);
  }
  const report = await checkRange({ lines: lines(), policy });
  const detail = (check: string): string => report.checks.find(({ name }) => name === check)?.detail ?? '';
  const first = report.checks.find(({ ok }) => !ok);
  return { ...report, detail, failed: first === undefined ? '' : `${first.name}: ${first.detail}` };
}

test('what a span lies between is said: entries at both ends, or the ends of the log', async () => {
  const log = five();
  const middle = await checked(rangeOf(log, { since: timeOf(log, 1), until: timeOf(log, 4) }));
  assert.deepEqual([middle.failed, middle.receipts, middle.without, middle.uncertified], ['', 3, 0, 0]);
  assert.match(middle.detail('bounds'), /: after an earlier entry to a later entry$/);
  assert.equal(middle.detail('entries'), '3 receipts in the range');
  assert.deepEqual(
    [middle.since, middle.until],
    [timeOf(log, 1), timeOf(log, 4)].map((at) => rfc3339(recordedAtMs(at))),
  );
  const whole = await checked(rangeOf(log, { since: timeOf(log, 0), until: timeOf(log, 4) + 1n }));
  assert.deepEqual([whole.failed, whole.receipts], ['', 5]);
  assert.match(whole.detail('bounds'), /: from the log's beginning to the certified log's end$/);
});

test('an entry in the span without its receipt is counted', async () => {
  const log = five();
  const report = await checked(rangeOf(log, { since: timeOf(log, 0), until: timeOf(log, 4), held: (index) => index === 1 }));
  assert.deepEqual([report.failed, report.receipts, report.without], ['', 1, 3]);
  assert.equal(report.detail('entries'), '1 receipts in the range, 3 entries without one');
});

test('a receipt that lines take a needed region out of the count for is not certified, and is counted', async () => {
  const log = five();
  const span = { since: timeOf(log, 0), until: timeOf(log, 4) + 1n, refused: [{ region: 'us-west-1', first: 1, last: 2 }] };
  const report = await checked(rangeOf(log, span));
  assert.deepEqual([report.failed, report.receipts, report.uncertified], ['', 5, 2]);
  assert.match(report.detail('entries'), /, 2 of them refused by regions that the quorum needs$/);
  assert.equal((await checked(rangeOf(log, span), ONE)).uncertified, 0);
});

test('too few signatures are no quorum, and without a policy nothing is certified', async () => {
  const log = five();
  const span = { since: timeOf(log, 0), until: timeOf(log, 4) + 1n };
  assert.equal((await checked(rangeOf(log, { ...span, signers: [EU] }))).failed, 'quorum: Not enough: eu-west-1');
  assert.equal((await checked(rangeOf(log, { ...span, signers: [] }))).failed, 'quorum: Not enough: no region');
  const unruled = await checked(rangeOf(log, span), '');
  assert.deepEqual([unruled.valid, unruled.uncertified, unruled.detail('log')], [false, 5, 'not looked at: a step before it failed']);
  const broken = rangeOf(log, span).replace(
    /(— \S+eu-west-1\/mirror \S{30})(\S)/,
    (_, before: string, letter: string) => before + (letter === 'A' ? 'B' : 'A'),
  );
  const unsigned = await checked(broken);
  assert.match(unsigned.failed, /^cosignatures: /);
  assert.deepEqual([unsigned.uncertified, unsigned.detail('quorum')], [5, 'not looked at: a step before it failed']);
});

test('more than one entry beside the span, on either side, is refused: what is between could be anything', async () => {
  const log = five();
  const problem = 'bounds: More than one entry beside the span is there';
  assert.equal((await checked(rangeOf(log, { since: timeOf(log, 2), until: timeOf(log, 4) }))).failed, problem);
  assert.equal((await checked(rangeOf(log, { since: timeOf(log, 1), until: timeOf(log, 3) }))).failed, problem);
});

test('a receipt outside of the span is none of it, also at the very end', async () => {
  const log = five();
  for (const outside of [0, 4])
    assert.equal(
      (await checked(rangeOf(log, { since: timeOf(log, 1), until: timeOf(log, 4), held: (index) => index === outside }))).failed,
      `entries: Entry ${outside} is outside of the range, and has a receipt`,
    );
});

test('entries whose times do not rise, that are none, or that are more or fewer than the file says are refused', async () => {
  const log = five();
  const span = { since: 0n, until: timeOf(log, 4) + 1n };
  const again = five();
  again.addEntry(entryOfKind(KIND_CONFLICT, timeOf(again, 4), new Uint8Array(4)));
  assert.equal(
    (await checked(rangeOf(again, { since: 0n, until: timeOf(again, 4) + 1n, held: (index) => index < 5 }))).failed,
    'entries: Entry 5 is not later than the one before it',
  );
  const odd = five().addEntry(Uint8Array.of(9, 9, 255, 255, 255, 255, 255, 255, 255, 255));
  assert.equal((await checked(rangeOf(odd, { ...span, held: () => false }))).failed, 'entries: Entry 5 is none');
  assert.equal((await checked(rangeOf(log, { ...span, end: 4 }))).failed, 'entries: There are more entries than the range says');
  const cut = rangeOf(log, span).split('\n').slice(0, -2).join('\n');
  const short = await checked(`${cut}\n`);
  assert.equal(short.failed, 'entries: There are 4 entries, not 5');
  assert.equal(short.detail('inclusion'), 'not looked at: a step before it failed');
});

test('the form is read strictly: its first line, the span, the entries that it says, and no more lines than there can be', async () => {
  const log = five();
  const good = rangeOf(log, { since: 5n, until: timeOf(log, 4) + 1n });
  const line = (pattern: RegExp, to: string) => good.replace(pattern, to);
  const wrong: readonly (readonly [string, string])[] = [
    [line(/range@v1/, 'range@v2'), 'does not begin with receipt-sync/range@v1'],
    [line(/^until .*$/m, 'until 5'), 'ends before it begins'],
    [line(/^until .*$/m, 'until 4'), 'ends before it begins'],
    [line(/^until .*$/m, 'until 18446744073709551616'), 'has no line until with a time'],
    [line(/^since .*$/m, 'from 5'), 'has no line since with a time'],
    [line(/^entries .*$/m, 'entries 0 0'), 'has no entries of its log'],
    [line(/^entries .*$/m, 'entries 0 6'), 'has no entries of its log'],
    [line(/^(entries .*)$/m, `$1${`\n${'A'.repeat(43)}=`.repeat(200)}`), 'has more lines before its entries than there can be'],
  ];
  for (const [text, problem] of wrong) assert.equal((await checked(text)).failed, `form: range ${problem}`);
  // As many hashes beside the entries as there can be are read, and are not those of this place.
  const most = await checked(line(/^(entries .*)$/m, `$1${`\n${'A'.repeat(43)}=`.repeat(2 * 53)}`));
  assert.equal(most.failed, 'inclusion: The hashes beside the entries are not those of their place');
  const last = (text: string): string => `${good.split('\n').slice(0, -2).join('\n')}\n${text}\n`;
  const salt = (bytes: number): string => `${Buffer.from(log.items[4]?.entry ?? '').toString('base64')} ${Buffer.alloc(bytes).toString('base64')} {}`;
  for (const text of ['', '%', Buffer.alloc(ENTRY_BYTES_MAX + 1).toString('base64')])
    assert.equal((await checked(last(text))).failed, 'entries: range has a line that is no entry');
  assert.equal((await checked(last(salt(15)))).failed, 'entries: range has a line without a salt of 16 bytes');
  const latest = await checked(line(/^until .*$/m, 'until 18446744073709551615'));
  assert.equal(latest.failed, 'bounds: No entry is there that is later than the span');
  const longest = five();
  longest.addEntry(entryOfKind(KIND_CONFLICT, timeOf(longest, 4) + 1n, new Uint8Array(ENTRY_BYTES_MAX - 10)));
  assert.equal((await checked(rangeOf(longest, { since: 5n, until: timeOf(longest, 4) + 1n }))).failed, '');
});

test('what can not be read any further is for whoever reads it', async () => {
  async function* lines(): AsyncGenerator<string> {
    yield 'receipt-sync/range@v1';
    throw new RangeError('the disk is gone');
  }
  await assert.rejects(checkRange({ lines: lines(), policy: BOTH }), RangeError);
});

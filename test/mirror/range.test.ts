import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { recordedAtMs } from '../../src/log/entry.ts';
import type { ReceiptSyncManager } from '../../src/manager.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { type RangeReport, verifyCertifiedRange } from '../../src/verify.ts';
import { MirroredCluster, until } from '../mirrored.ts';
import { receiptOf } from '../receipts.ts';

const RECEIPTS = 60;
const GROUP = 6;

let cluster: MirroredCluster;
let here: ReceiptSyncManager;
let policy = '';
/** Unix ms at which the n-th receipt was recorded. */
let times: readonly number[] = [];

before(async () => {
  cluster = await MirroredCluster.start({ weights: { here: 1, there: 1 }, threshold: 2 });
  here = cluster.region('here').manager;
  policy = cluster.policy('here');
  for (let n = 0; n < RECEIPTS; n += GROUP) {
    await Promise.all(Array.from({ length: GROUP }, (_, m) => here.syncReceipt(receiptOf(n + m))));
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await until('all are certified', () =>
    here.getCertificate(`rec-${RECEIPTS - 1}`).then(
      () => true,
      () => false,
    ),
  );
  await until('there has the certified checkpoint', async () =>
    (await exported(cluster.region('there').manager, [0, times0()]).catch(() => '')).includes(`\n${RECEIPTS}\n`),
  );
  const stored = await Promise.all(Array.from({ length: RECEIPTS }, (_, n) => here.getStored(`rec-${n}`)));
  times = stored.map((each) => recordedAtMs(each?.recordedAt ?? 0n));
});

after(() => cluster[Symbol.asyncDispose]());

/** Beyond everything. */
function times0(): number {
  return Date.now() + 1_000;
}

async function exported(manager: ReceiptSyncManager, [sinceMs, untilMs]: readonly [number, number]): Promise<string> {
  let text = '';
  for await (const chunk of manager.certifiedRange('here', { sinceMs, untilMs })) text += chunk;
  return text;
}

async function verified(range: string): Promise<{ readonly report: RangeReport; readonly ids: readonly string[] }> {
  const receipts: Receipt[] = [];
  const report = await verifyCertifiedRange({ range, policy, onReceipt: (receipt) => receipts.push(receipt) });
  return { report, ids: receipts.map(({ receiptId }) => receiptId) };
}

/** The receipts recorded in [since, until) by the store's own word. */
function recorded([since, end]: readonly [number, number]): readonly string[] {
  return times.flatMap((at, n) => (at >= since && at < end ? [`rec-${n}`] : []));
}

/** The first check that refuses. */
async function refusedBy(range: string): Promise<string> {
  const { valid, checks } = (await verified(range)).report;
  const first = checks.find(({ ok }) => !ok)?.name ?? 'nothing';
  assert.equal(valid, first === 'nothing');
  return first;
}

test('any span is exported by the origin and by a mirror, verifies offline, and holds exactly the receipts of that time', async () => {
  const spans: readonly (readonly [number, number])[] = [
    [times[12] ?? 0, times[40] ?? 0],
    [0, times[1] ?? 0],
    [0, (times[0] ?? 0) + 1],
    [times[5] ?? 0, times[RECEIPTS - 1] ?? 0],
    [0, times0()],
  ];
  for (const span of spans) {
    for (const id of ['here', 'there']) {
      const text = await exported(cluster.region(id).manager, span);
      const { report, ids } = await verified(text);
      assert.ok(report.valid, `${id} ${span}: ${JSON.stringify(report.checks)}`);
      assert.deepEqual(ids, recorded(span));
      assert.deepEqual([report.receipts, report.uncertified, report.log], [ids.length, 0, 'test.example.com/here/log/1']);
    }
  }
});

test('that there was nothing is proved too: between two entries, and before the first one', async () => {
  const gap = times.findIndex((at, n) => n > 0 && at > (times[n - 1] ?? 0) + 2);
  assert.ok(gap > 0);
  for (const span of [[(times[gap - 1] ?? 0) + 1, times[gap] ?? 0] as const, [0, times[0] ?? 0] as const]) {
    const { report, ids } = await verified(await exported(here, span));
    assert.deepEqual([report.valid, report.receipts, ids], [true, 0, []], JSON.stringify(report.checks));
  }
});

test('of what comes after the certified log nothing is said: the span is cut there, and one that lies beyond it is refused', async () => {
  const text = await exported(here, [times[50] ?? 0, times0()]);
  const { report } = await verified(text);
  assert.equal(report.valid, true);
  assert.ok(Date.parse(report.until ?? '') <= (times[RECEIPTS - 1] ?? 0));
  assert.equal(await refusedBy(text.replace(/^until \d+/m, `until ${BigInt(times0()) << 16n}`)), 'bounds');
  await assert.rejects(exported(here, [times0(), times0() + 5]), { code: 'NOT_CERTIFIED' });
  await assert.rejects(
    async () => {
      for await (const _ of here.certifiedRange('nowhere', { sinceMs: 0, untilMs: 1 }));
    },
    { code: 'NOT_FOUND' },
  );
});

test('what is dropped, doubled, swapped, changed or moved is refused, and named by the check that found it', async () => {
  const whole = await exported(here, [times[12] ?? 0, times[40] ?? 0]);
  const at = whole.indexOf('\n\n', whole.indexOf('\n— ')) + 2;
  const [head, lines] = [whole.slice(0, at), whole.slice(at).split('\n').slice(0, -1)];
  const withLines = (changed: readonly string[], header = head): string => header + changed.map((line) => `${line}\n`).join('');
  const counted = (changed: readonly string[], by: number, side: 'first' | 'end'): string =>
    withLines(
      changed,
      head.replace(
        /^entries (\d+) (\d+)$/m,
        (_, first, end) => `entries ${Number(first) + (side === 'first' ? by : 0)} ${Number(end) + (side === 'end' ? by : 0)}`,
      ),
    );
  assert.equal(await refusedBy(withLines(lines)), 'nothing');
  const middle = Math.floor(lines.length / 2);
  const line = (n: number): string => lines[n] ?? '';
  assert.equal(await refusedBy(withLines(lines.toSpliced(middle, 1))), 'entries');
  assert.equal(await refusedBy(counted(lines.toSpliced(middle, 1), -1, 'end')), 'inclusion');
  assert.equal(await refusedBy(withLines(lines.toSpliced(middle, 0, line(middle)))), 'entries');
  assert.equal(await refusedBy(withLines(lines.with(middle, line(middle + 1)).with(middle + 1, line(middle)))), 'entries');
  assert.equal(await refusedBy(withLines(lines.with(middle, line(middle).replace('"ticks":4', '"ticks":5')))), 'entries');
  assert.equal(
    await refusedBy(
      withLines(
        lines.with(
          middle,
          line(middle).replace(/^(\S{20})(\S)/, (_, before, letter) => before + (letter === 'A' ? 'B' : 'A')),
        ),
      ),
    ),
    'entries',
  );
  // Whole again but for one entry at an end: the proof is of another place.
  assert.equal(await refusedBy(counted(lines.slice(1), 1, 'first')), 'inclusion');
  assert.equal(await refusedBy(counted(lines.slice(0, -1), -1, 'end')), 'inclusion');
  // A receipt taken away from its entry: the entry shows that there was one, and counts as without.
  const bare = await verified(withLines(lines.with(middle, line(middle).split(' ')[0] ?? '')));
  assert.match(bare.report.checks.find(({ name }) => name === 'entries')?.detail ?? '', /1 entries without one/);
  assert.deepEqual([bare.report.valid, bare.report.without], [true, 1]);
});

test('a proof made for a narrower row of entries does not hide its neighbours, and one checkpoint does not stand for another', async () => {
  const span = [times[12] ?? 0, times[40] ?? 0] as const;
  const whole = await exported(here, span);
  const narrower = await exported(here, [times[18] ?? 0, times[40] ?? 0]);
  const wider = (text: string): string => text.replace(/^since \d+$/m, /^since \d+$/m.exec(whole)?.[0] ?? '');
  assert.notEqual(wider(narrower), narrower);
  assert.equal(await refusedBy(wider(narrower)), 'bounds');
  const note = (text: string): string => /\n\n(.*\n\d+\n.*\n\n(?:— .*\n)+)\n/.exec(text)?.[1] ?? '';
  assert.equal(note(whole), note(narrower));
  await here.syncReceipt(receiptOf('later'));
  await until('later is certified', () =>
    here.getCertificate('rec-later').then(
      () => true,
      () => false,
    ),
  );
  const later = await exported(here, span);
  assert.notEqual(note(later), note(whole));
  assert.equal(await refusedBy(later), 'nothing');
  assert.equal(await refusedBy(whole.replace(note(whole), note(later))), 'inclusion');
  const [text = '', signatures = ''] = note(later).split('\n\n');
  assert.equal(await refusedBy(whole.replace(note(whole), `${text}\n\n${note(whole).split('\n\n')[1]}`)), 'log');
  assert.equal(await refusedBy(later.replace(signatures, `${signatures.split('\n').slice(0, 2).join('\n')}\n`)), 'quorum');
});

test('whatever is handed in, the verifier answers and does not throw', async () => {
  for (const range of ['', 'receipt-sync/range@v1\n', 'x\n'.repeat(1_000), '\n\n\n', new Uint8Array([255, 10])]) {
    const report = await verifyCertifiedRange({ range, policy });
    assert.deepEqual([report.valid, report.checks.length, report.log], [false, 8, null]);
  }
  const { valid } = await Reflect.apply(verifyCertifiedRange, undefined, [{ range: 'x', policy: 7 }]);
  assert.equal(valid, false);
});

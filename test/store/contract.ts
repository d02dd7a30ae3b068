import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALARMS_KEPT, type AlarmRecord } from '../../src/log/alarm.ts';
import { encodeGroup, groupItems } from '../../src/log/group.ts';
import type { Changes, LogStore, NewGroup, Recovered } from '../../src/ports/log-store.ts';
import { NO_CHANGES, OWN_LOG, RECEIVED_LOG } from '../../src/ports/log-store.ts';
import type { ReceiptIndex, ReceiptQuery } from '../../src/ports/receipt-index.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { toHex } from '../../src/std/bytes.ts';
import { receiptOf, sealed } from '../receipts.ts';
import { conflictChecks } from './conflict-checks.ts';

export type Store = LogStore & ReceiptIndex;

/** How an engine is opened on a place that outlives it. */
export interface Engine {
  readonly name: string;
  /** A new, empty place. */
  place(): Promise<{ open(): Promise<Store>; remove(): Promise<void> }>;
}

/** A group of receipts that starts at `start`. */
export function groupOf(log: number, start: number, receipts: readonly Receipt[], firstRecordedAt: bigint = BigInt(1_000_000 + start)): NewGroup {
  const entries = receipts.map(sealed);
  const frame = encodeGroup(entries, new Uint8Array(16 * entries.length).fill(7), firstRecordedAt);
  return { log, start, count: entries.length, frame, digests: Buffer.concat(entries.map(({ digest }) => digest)), refused: [], again: [] };
}

export function changesOf(...groups: readonly NewGroup[]): Changes {
  return { ...NO_CHANGES, groups };
}

/** The sizes of all logs, by number. */
function sizesOf({ logs }: Recovered): readonly (readonly [number, number])[] {
  return [...logs].map(([log, { size }]) => [log, size] as const).sort(([a], [b]) => a - b);
}

/** One claim, on a place that can be opened again and again. */
export type Check = (claim: string, body: (open: () => Promise<Store>) => Promise<void>) => void;

/** What every engine keeps (DESIGN §5: a second implementation of a port passes the same suite). */
export function storeContract(engine: Engine): void {
  const check: Check = (claim, body) => {
    test(`${engine.name}: ${claim}`, async () => {
      const place = await engine.place();
      const opened: Store[] = [];
      try {
        await body(async () => {
          const store = await place.open();
          opened.push(store);
          return store;
        });
      } finally {
        await Promise.all(opened.map((store) => store.close()));
        await place.remove();
      }
    });
  };

  check('a new store is empty and has an id that it keeps', async (open) => {
    const store = await open();
    const first = await store.recover();
    assert.equal(first.logs.size, 0);
    assert.deepEqual([first.offsets, first.parked], [[], []]);
    await store.close();
    const again = await open();
    assert.equal((await again.recover()).storeId, first.storeId);
    await again.close();
  });

  check('refused ranges of a region that touch or overlap are one, also after reopening', async (open) => {
    const store = await open();
    await store.commit(
      changesOf(
        groupOf(
          OWN_LOG,
          0,
          Array.from({ length: 20 }, (_, n) => receiptOf(n)),
        ),
      ),
    );
    const refuse = (region: string, first: number, last: number): Promise<unknown> =>
      store.commit({ ...NO_CHANGES, refusals: [{ log: OWN_LOG, region, first, last }] });
    for (const [first, last] of [
      [5, 5],
      [5, 9],
      [3, 8],
      [7, 7],
      [12, 12],
      [11, 11],
      [17, 17],
    ] as const)
      await refuse('west', first, last);
    await refuse('eu', 4, 4);
    const expected = ['eu 4-4', 'west 3-9', 'west 11-12', 'west 17-17'];
    const held = ({ logs }: Recovered): readonly string[] => (logs.get(OWN_LOG)?.refused ?? []).map(({ region, first, last }) => `${region} ${first}-${last}`);
    assert.deepEqual(held(await store.recover()), expected);
    await store.close();
    assert.deepEqual(held(await (await open()).recover()), expected);
  });

  check('what was committed is there after reopening: entries, index, offsets, refusals', async (open) => {
    const store = await open();
    const parked = { region: 'west', index: 1, status: 409, code: 'CONFLICT', message: 'HTTP error 409: Conflict', atMs: 5 } as const;
    await store.commit({
      ...NO_CHANGES,
      groups: [groupOf(OWN_LOG, 0, [receiptOf(1), receiptOf(2)])],
      offsets: [{ region: 'west', offset: 1 }],
      parked: [parked],
    });
    await store.commit({ ...NO_CHANGES, groups: [groupOf(RECEIVED_LOG, 0, [receiptOf(3)])], offsets: [{ region: 'west', offset: 2 }], parked: [] });
    await store.close();
    const again = await open();
    const recovered = await again.recover();
    assert.deepEqual(sizesOf(recovered), [
      [OWN_LOG, 2],
      [RECEIVED_LOG, 1],
    ]);
    assert.deepEqual([recovered.logs.get(OWN_LOG)?.lastRecordedAt, recovered.logs.get(RECEIVED_LOG)?.lastRecordedAt], [1_000_001n, 1_000_000n]);
    assert.deepEqual(recovered.offsets, [{ region: 'west', offset: 2 }]);
    assert.deepEqual(recovered.parked, [parked]);
    assert.deepEqual((await again.get('rec-2'))?.receipt, receiptOf(2));
    await again.close();
  });

  check('alarms are kept as they are, replaced by their number, and forgotten only when they are acknowledged and old', async (open) => {
    const store = await open();
    const alarm = (id: number, acknowledged: AlarmRecord['acknowledged']): AlarmRecord => ({
      id,
      alarm: 'fork',
      region: 'west',
      subject: `s${id}`,
      message: 'two histories',
      notes: ['one\n\n\u2014 a b\n', 'two'],
      evidence: id === 1 ? 'ab'.repeat(32) : undefined,
      raisedAtMs: 1_700_000_000_000 + id,
      acknowledged,
    });
    await store.commit({ ...NO_CHANGES, alarms: [alarm(1, undefined), alarm(2, undefined)] });
    await store.commit({ ...NO_CHANGES, alarms: [alarm(2, { atMs: 5, reason: 'seen' })] });
    await store.close();
    const again = await open();
    assert.deepEqual((await again.recover()).alarms, [alarm(1, undefined), alarm(2, { atMs: 5, reason: 'seen' })]);
    await again.commit({ ...NO_CHANGES, alarms: [alarm(2 + ALARMS_KEPT, undefined)] });
    assert.deepEqual(
      (await again.recover()).alarms.map(({ id }) => id),
      [1, 2 + ALARMS_KEPT],
    );
    await again.close();
  });

  check('the index knows the digest and every log that holds an id', async (open) => {
    const store = await open();
    await store.commit(changesOf(groupOf(RECEIVED_LOG, 0, [receiptOf(1), receiptOf(2)])));
    await store.commit(changesOf(groupOf(OWN_LOG, 0, [receiptOf(2)])));
    const [one, absent, two] = await store.find(['rec-1', 'rec-9', 'rec-2']);
    assert.equal(absent, undefined);
    assert.equal(toHex(one?.digest ?? new Uint8Array()), toHex(sealed(receiptOf(1)).digest));
    assert.deepEqual(two?.places, [
      { log: OWN_LOG, index: 0 },
      { log: RECEIVED_LOG, index: 1 },
    ]);
    await store.close();
  });

  conflictChecks(check);

  check('ids are opaque: case, dots, slashes, percent signs, accents and prototypes', async (open) => {
    const ids = ['a/b', '../../health', 'x?y#z', '%2e%2e', 'é', 'e\u0301', 'a b', '__proto__', 'A/B', 'constructor'];
    const store = await open();
    await store.commit(
      changesOf(
        groupOf(
          OWN_LOG,
          0,
          ids.map((receiptId) => receiptOf(0, { receiptId })),
        ),
      ),
    );
    for (const [index, id] of ids.entries())
      assert.deepEqual(
        (await store.get(id))?.places.map((place) => place.index),
        [index],
        id,
      );
    assert.equal(await store.get('E\u0301x'), undefined);
    await store.close();
  });

  check('what can be no id is not found, and does not stand in the way of what is', async (open) => {
    const store = await open();
    await store.commit(changesOf(groupOf(OWN_LOG, 0, [receiptOf(1), receiptOf(2)])));
    const found = await store.find(['rec-1\nrec-2', '', 'rec-2', 'rec-1\u0000']);
    assert.deepEqual(
      found.map((known) => known?.places[0]?.index),
      [undefined, undefined, 1, undefined],
    );
    assert.deepEqual(await store.find([]), []);
    await store.close();
  });

  check('a commit of what was to be new writes nothing where one of it is known, and says what is', async (open) => {
    const store = await open();
    assert.equal(await store.commit(changesOf(groupOf(OWN_LOG, 0, [receiptOf(1)])), ['rec-1']), undefined);
    const known = await store.commit(changesOf(groupOf(OWN_LOG, 1, [receiptOf(2)])), ['rec-2', 'rec-1']);
    assert.deepEqual(
      known?.map((each) => each?.places),
      [undefined, [{ log: OWN_LOG, index: 0 }]],
    );
    assert.deepEqual(await store.find(['rec-2']), [undefined]);
    assert.equal(await store.commit(changesOf(groupOf(OWN_LOG, 1, [receiptOf(2)])), ['rec-2']), undefined);
    assert.equal((await store.list({ limit: 10 })).receipts.length, 2);
    await store.close();
  });

  check('a group must start at the size of its log, and a refused one leaves nothing behind', async (open) => {
    const store = await open();
    await store.commit(changesOf(groupOf(OWN_LOG, 0, [receiptOf(1)])));
    await assert.rejects(store.commit(changesOf(groupOf(RECEIVED_LOG, 0, [receiptOf(8)]), groupOf(OWN_LOG, 2, [receiptOf(9)]))));
    await store.close();
    const again = await open();
    assert.deepEqual(sizesOf(await again.recover()), [[OWN_LOG, 1]]);
    assert.deepEqual(await again.find(['rec-8', 'rec-9']), [undefined, undefined]);
    await again.close();
  });

  check('groups of one log may follow each other in one transaction', async (open) => {
    const store = await open();
    await store.commit(
      changesOf(groupOf(OWN_LOG, 0, [receiptOf(1), receiptOf(2)]), groupOf(RECEIVED_LOG, 0, [receiptOf(3)]), groupOf(OWN_LOG, 2, [receiptOf(4)])),
    );
    assert.deepEqual(
      (await store.entries(OWN_LOG, 0, 1e6)).map(({ start }) => start),
      [0, 2],
    );
    assert.equal((await store.list({ limit: 10 })).receipts.length, 4);
    await store.close();
  });

  check('entries come in order, from the group that holds the first one wanted, within the bytes asked for', async (open) => {
    const store = await open();
    for (let start = 0; start < 30; start += 10)
      await store.commit(
        changesOf(
          groupOf(
            OWN_LOG,
            start,
            Array.from({ length: 10 }, (_, n) => receiptOf(start + n)),
          ),
        ),
      );
    assert.deepEqual(
      (await store.entries(OWN_LOG, 0, 1e6)).map(({ start }) => start),
      [0, 10, 20],
    );
    assert.deepEqual(
      (await store.entries(OWN_LOG, 10, 1)).map(({ start, count }) => [start, count]),
      [[10, 10]],
    );
    const [group] = await store.entries(OWN_LOG, 19, 1);
    assert.equal(group?.start, 10);
    assert.equal([...groupItems(group?.frame ?? new Uint8Array())].length, 10);
    assert.deepEqual(await store.entries(OWN_LOG, 30, 1e6), []);
    assert.deepEqual(await store.entries(RECEIVED_LOG, 0, 1e6), []);
    await store.close();
  });

  check('pages are in order of arrival, complete, and each receipt comes once though it stands in two logs', async (open) => {
    const store = await open();
    await store.commit(changesOf(groupOf(RECEIVED_LOG, 0, [receiptOf(1), receiptOf(2)]), groupOf(OWN_LOG, 0, [receiptOf(3)])));
    await store.commit(changesOf(groupOf(OWN_LOG, 1, [receiptOf(2), receiptOf(4)])));
    const seen: string[] = [];
    let after: string | undefined;
    for (let page = 0; page < 10; page += 1) {
      const { receipts, next } = await store.list({ limit: 1, ...(after === undefined ? {} : { after }) });
      if (receipts.length === 0) break;
      seen.push(...receipts.map(({ receipt }) => receipt.receiptId));
      after = next;
    }
    assert.deepEqual(seen, ['rec-1', 'rec-2', 'rec-3', 'rec-4']);
    assert.equal((await store.list({ limit: 10, after: after ?? '' })).receipts.length, 0);
    await assert.rejects(store.list({ limit: 1, after: 'nonsense' }), { code: 'INVALID_QUERY' });
    await store.close();
  });

  check('a page keeps to a transaction and to a span of time, over every log, and says whether it is the end', async (open) => {
    const store = await open();
    const at = (ms: number): bigint => BigInt(ms) * 65_536n;
    // The clock jumped back between the second and the third group: each log still rises by itself.
    await store.commit(changesOf(groupOf(OWN_LOG, 0, [receiptOf(1), receiptOf(2)], at(1_000))));
    await store.commit(changesOf(groupOf(RECEIVED_LOG, 0, [receiptOf(3), receiptOf(4, { transactionId: 'tx-1' })], at(5_000))));
    await store.commit(changesOf(groupOf(OWN_LOG, 2, [receiptOf(5), receiptOf(6)], at(3_000))));
    const ids = async (query: Omit<ReceiptQuery, 'limit'>): Promise<readonly string[]> => {
      const page = await store.list({ limit: 10, ...query });
      assert.equal(page.atEnd, true);
      return page.receipts.map(({ receipt }) => receipt.receiptId);
    };
    assert.deepEqual(await ids({ transactionId: 'tx-1' }), ['rec-1', 'rec-4']);
    assert.deepEqual(await ids({ sinceMs: 1_001 }), ['rec-3', 'rec-4', 'rec-5', 'rec-6']);
    assert.deepEqual(await ids({ sinceMs: 3_000, untilMs: 5_000 }), ['rec-5', 'rec-6']);
    assert.deepEqual(await ids({ untilMs: 3_000 }), ['rec-1', 'rec-2']);
    assert.deepEqual(await ids({ sinceMs: 5_001 }), []);
    assert.equal((await store.list({ limit: 2, sinceMs: 0 })).atEnd, false);
    await store.close();
  });

  check('a span of time is found also where groups came merged: their entries do not follow each other by 1', async (open) => {
    const store = await open();
    const at = (ms: number): bigint => BigInt(ms) * 65_536n;
    const merged = (start: number, ...groups: readonly NewGroup[]): NewGroup => ({
      log: 3,
      start,
      count: groups.reduce((sum, { count }) => sum + count, 0),
      frame: Buffer.concat(groups.map(({ frame }) => frame)),
      digests: Buffer.concat(groups.map(({ digests }) => digests)),
      refused: [],
      again: [],
    });
    const early = merged(0, groupOf(3, 0, [receiptOf(1)], at(1_000)), groupOf(3, 1, [receiptOf(2)], at(5_000)));
    const late = merged(2, groupOf(3, 2, [receiptOf(3)], at(6_000)), groupOf(3, 3, [receiptOf(4)], at(9_000)));
    await store.commit({ ...NO_CHANGES, mirrored: [{ log: 3, origin: 'o' }], groups: [early, late] });
    const ids = async (query: Omit<ReceiptQuery, 'limit'>): Promise<readonly string[]> =>
      (await store.list({ limit: 10, ...query })).receipts.map(({ receipt }) => receipt.receiptId);
    assert.deepEqual(await ids({ sinceMs: 4_000 }), ['rec-2', 'rec-3', 'rec-4']);
    assert.deepEqual(await ids({ sinceMs: 4_000, untilMs: 8_000 }), ['rec-2', 'rec-3']);
    assert.deepEqual(await ids({ untilMs: 8_000 }), ['rec-1', 'rec-2', 'rec-3']);
    await store.close();
  });

  check('a search that finds little comes back in bites, and finds all of it', async (open) => {
    const store = await open();
    for (let start = 0; start < 20_000; start += 5_000) {
      const receipts = Array.from({ length: 5_000 }, (_, n) => receiptOf(start + n, { transactionId: (start + n) % 9_999 === 0 ? 'rare' : 'other' }));
      await store.commit(changesOf(groupOf(OWN_LOG, start, receipts)));
    }
    const found: string[] = [];
    let page = await store.list({ limit: 10, transactionId: 'rare' });
    found.push(...page.receipts.map(({ receipt }) => receipt.receiptId));
    while (!page.atEnd) {
      page = await store.list({ limit: 10, transactionId: 'rare', after: page.next });
      found.push(...page.receipts.map(({ receipt }) => receipt.receiptId));
    }
    assert.deepEqual(found, ['rec-0', 'rec-9999', 'rec-19998']);
    await store.close();
  });

  check('a full group of 8,192 receipts is one transaction', async (open) => {
    const store = await open();
    const receipts = Array.from({ length: 8_192 }, (_, n) => receiptOf(n));
    await store.commit(changesOf(groupOf(OWN_LOG, 0, receipts)));
    assert.deepEqual(
      (await store.get('rec-8191'))?.places.map(({ index }) => index),
      [8_191],
    );
    await store.close();
  });

  check('a probe writes nothing that shows', async (open) => {
    const store = await open();
    await store.probe();
    assert.equal((await store.list({ limit: 10 })).receipts.length, 0);
    await store.close();
  });

  check('a second opener is refused while the first is there', async (open) => {
    const store = await open();
    await assert.rejects(open(), { code: 'STORE_FAILED' });
    await store.close();
    await (await open()).close();
  });
}

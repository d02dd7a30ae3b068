import assert from 'node:assert/strict';
import { encodeOthers } from '../../src/log/group.ts';
import { NO_CHANGES, OWN_LOG } from '../../src/ports/log-store.ts';
import type { StoredReceipt } from '../../src/ports/receipt-index.ts';
import { toHex } from '../../src/std/bytes.ts';
import { receiptOf, sealed } from '../receipts.ts';
import { type Check, changesOf, groupOf } from './contract.ts';

/** What conflicts leave in a store (SPEC §4), and what entries of other kinds do. */
export function conflictChecks(check: Check): void {
  check('a second content in a mirrored log is found by its id with the digest that is refused, and the first one stays what the id is', async (open) => {
    const store = await open();
    await store.commit({ ...NO_CHANGES, mirrored: [{ log: 3, origin: 'd/west/log/1' }] });
    await store.commit(changesOf(groupOf(OWN_LOG, 0, [receiptOf(1), receiptOf(2)])));
    const batch = groupOf(3, 0, [receiptOf(3), receiptOf(1, { ticks: 9 }), receiptOf(2)]);
    await store.commit(changesOf({ ...batch, refused: [1] }));
    const refused = [{ log: 3, index: 1, digest: toHex(sealed(receiptOf(1, { ticks: 9 })).digest) }];
    const shown = (stored: StoredReceipt | undefined): unknown => stored?.refused.map((entry) => ({ ...entry, digest: toHex(entry.digest) }));
    await store.close();
    const again = await open();
    const one = await again.get('rec-1');
    assert.deepEqual([one?.receipt, shown(one)], [receiptOf(1), refused]);
    assert.deepEqual((await again.find(['rec-1']))[0]?.places, [{ log: OWN_LOG, index: 0 }]);
    const { receipts } = await again.list({ limit: 10 });
    assert.deepEqual(
      receipts.map((stored) => [stored.receipt.receiptId, stored.receipt.ticks, shown(stored)]),
      [
        ['rec-1', 4, refused],
        ['rec-2', 4, []],
        ['rec-3', 4, []],
      ],
    );
    await again.close();
  });

  check('a receipt that is appended again has one more place, and is listed once', async (open) => {
    const store = await open();
    await store.commit(changesOf(groupOf(OWN_LOG, 0, [receiptOf(1), receiptOf(2)])));
    await store.commit(changesOf({ ...groupOf(OWN_LOG, 2, [receiptOf(3), receiptOf(1)]), again: [1] }));
    await store.close();
    const reopened = await open();
    const places = [
      { log: OWN_LOG, index: 0 },
      { log: OWN_LOG, index: 3 },
    ];
    assert.deepEqual((await reopened.find(['rec-1']))[0]?.places, places);
    assert.deepEqual(
      (await reopened.get('rec-1'))?.places.map(({ log, index }) => ({ log, index })),
      places,
    );
    assert.deepEqual(
      (await reopened.list({ limit: 10 })).receipts.map(({ receipt }) => receipt.receiptId),
      ['rec-1', 'rec-2', 'rec-3'],
    );
    await reopened.close();
  });

  check('entries without a receipt are stored and counted, and are nothing that a listing shows', async (open) => {
    const store = await open();
    const evidence = encodeOthers(5, [Buffer.from('one'), Buffer.from('two')], 2_000_000n);
    const others = evidence.map(({ frame, count }) => ({ log: OWN_LOG, start: 1, count, frame, digests: new Uint8Array(32 * count), refused: [], again: [] }));
    await store.commit(changesOf(groupOf(OWN_LOG, 0, [receiptOf(1)]), ...others, groupOf(OWN_LOG, 3, [receiptOf(2)])));
    await store.close();
    const again = await open();
    const log = (await again.recover()).logs.get(OWN_LOG);
    assert.deepEqual([log?.size, log?.others], [4, 2]);
    assert.deepEqual(
      (await again.list({ limit: 10 })).receipts.map(({ places }) => places[0]?.index),
      [0, 3],
    );
    await again.close();
  });

  check('refusals, joined ranges and texts that are kept are there after reopening; of the slots up to 0 the last one', async (open) => {
    const store = await open();
    const refusals = [
      { log: OWN_LOG, region: 'west', first: 3, last: 4 },
      { log: OWN_LOG, region: 'west', first: 9, last: 9 },
    ];
    const joined = [{ region: 'west', first: 5, last: 8 }];
    const kept = [-1, 0, 1, 2].map((slot) => ({ log: OWN_LOG, slot, size: 10 + slot, note: `note ${slot}` }));
    await store.commit({ ...changesOf(groupOf(OWN_LOG, 0, [receiptOf(1)])), refusals, joined, kept });
    await store.commit({ ...NO_CHANGES, kept: [{ log: OWN_LOG, slot: 0, size: 20, note: 'later' }] });
    await store.close();
    const again = await open();
    const log = (await again.recover()).logs.get(OWN_LOG);
    assert.deepEqual(log?.refused, [
      { region: 'west', first: 3, last: 4 },
      { region: 'west', first: 9, last: 9 },
    ]);
    assert.deepEqual(
      [log?.joined, log?.kept.map(({ slot, note }) => [slot, note])],
      [
        joined,
        [
          [-1, 'note -1'],
          [0, 'later'],
          [1, 'note 1'],
          [2, 'note 2'],
        ],
      ],
    );
    await again.close();
  });

  check('a group may hold entries of very different times: what came after a time is found in it', async (open) => {
    const store = await open();
    const at = (ms: number): bigint => BigInt(ms) * 65_536n;
    // As a mirror stores several groups of its origin that came as one batch.
    const [early, late] = [groupOf(3, 0, [receiptOf(1), receiptOf(2)], at(1_000)), groupOf(3, 2, [receiptOf(3)], at(9_000))];
    const merged = { ...early, count: 3, frame: Buffer.concat([early.frame, late.frame]), digests: Buffer.concat([early.digests, late.digests]) };
    await store.commit({ ...NO_CHANGES, mirrored: [{ log: 3, origin: 'd/west/log/1' }] });
    await store.commit(changesOf(merged));
    const { receipts } = await store.list({ limit: 10, sinceMs: 5_000 });
    assert.deepEqual(
      receipts.map(({ receipt }) => receipt.receiptId),
      ['rec-3'],
    );
    await store.close();
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host } from '../../sim/host.ts';
import { Net } from '../../sim/net.ts';
import { Random } from '../../sim/random.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import type { WaitFor } from '../../src/replication/waiting-room.ts';
import { receiptOf } from '../receipts.ts';

/** A region whose only remote is away, with room for two callers and three entries. */
async function crowded() {
  const clock = new VirtualClock();
  const net = new Net(clock, new Random(1), { latencyMs: 2, loss: 0, duplication: 0, delay: 0 });
  const regions = [{ regionId: 'b', weight: 1, timeoutMs: 500 }];
  const own = { region: 'a', weight: 1, crossRegionSyncEnabled: true, quorumThreshold: 2, maxRetries: 3, retryBackoffMs: 100, exclusive: false };
  const settings = { ...own, regions, bounds: { callersMax: 2, entriesMax: 3 } };
  const host = new Host({ settings, signing: undefined }, new Random(2), { clock, net, observe: () => undefined, cosigned: () => undefined });
  void host.start();
  await clock.advance(100);
  const said: string[] = [];
  const bring = (id: string, waitFor: WaitFor): void =>
    void host.region?.sync(receiptOf(id), { waitFor }).then(
      ({ outcome }) => said.push(outcome),
      (error: { readonly code?: string }) => said.push(error.code ?? ''),
    );
  return { clock, said, bring };
}

test('as many callers wait as may, the next one is told to come back, and is taken once one of them is gone', async () => {
  const { clock, said, bring } = await crowded();
  for (const id of ['r1', 'r2']) bring(id, 'quorum');
  await clock.advance(20);
  bring('r3', 'quorum');
  await clock.advance(1);
  assert.deepEqual(said, ['OVERLOADED']);
  await clock.advance(20_000);
  assert.deepEqual(said, ['OVERLOADED', 'pending', 'pending']);
  bring('r3', 'local');
  await clock.advance(100);
  assert.deepEqual(said.slice(3), ['pending']);
});

test('as many receipts wait for a turn as may, and what was told to come back is not stored', async () => {
  const { clock, said, bring } = await crowded();
  for (const id of ['r1', 'r2', 'r3', 'r4', 'r5']) bring(id, 'local');
  await clock.advance(100);
  assert.deepEqual(said, ['OVERLOADED', 'OVERLOADED', 'pending', 'pending', 'pending']);
});

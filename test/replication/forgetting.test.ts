import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Host } from '../../sim/host.ts';
import { MemoryDisk } from '../../sim/memory-disk.ts';
import { Net } from '../../sim/net.ts';
import { Random } from '../../sim/random.ts';
import { machineOf } from '../../sim/swarm.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { receiptOf } from '../../sim/workload/submit.ts';

test('a region that finds out on a full disk that it has forgotten writes it down as soon as there is room', async () => {
  const [clock, random] = [new VirtualClock(), new Random(1)];
  const net = new Net(clock, random.fork(), { latencyMs: 5, loss: 0, duplication: 0, delay: 0 });
  const world = { clock, net, observe: () => undefined, cosigned: () => undefined };
  const host = (n: number): Host => new Host(machineOf({ weights: [1, 1], quorumThreshold: 2, n }), random.fork(), world);
  const [keeper, forgetful] = [host(0), host(1)];
  for (const each of [keeper, forgetful]) void each.start();
  await clock.advance(1_000);
  void keeper.region?.sync(receiptOf('r-1'), { waitFor: 'all' });
  await clock.advance(5_000);
  assert.equal(keeper.disk.cosigned.get('region-1')?.size, 1);

  forgetful.crash();
  forgetful.insert(new MemoryDisk());
  void forgetful.start();
  await clock.runUntil(() => forgetful.region !== undefined, clock.monotonicMs() + 100);
  forgetful.faults.isFull = true;
  await clock.advance(10_000);
  assert.deepEqual(
    forgetful.region?.overview().alarms.map(({ alarm }) => alarm),
    ['forgot'],
  );
  assert.equal(forgetful.disk.forgot, undefined);

  forgetful.faults.isFull = false;
  await clock.advance(3_000);
  assert.match(forgetful.disk.forgot ?? '', /^region-0 shows our cosignature of its log at size 1, and we hold 0 of it$/);
  forgetful.crash();
  void forgetful.start();
  await clock.advance(100);
  assert.deepEqual(
    forgetful.region?.overview().alarms.map(({ alarm }) => alarm),
    ['forgot'],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDisk } from '../../sim/memory-disk.ts';
import { receiptOf } from '../receipts.ts';
import { eventually, OK, type Scene, type Script, scene, status } from './scripted.ts';

const WAIT_ALL = { waitFor: 'all' } as const;

test('503 twice then ok: the third attempt, after 1 s and 2 s, in the lines of the source', async () => {
  const { region, clock, lines, requests } = await scene({ 'us-west-1': (n) => (n < 2 ? status(503) : OK) });
  const result = await eventually(clock, region.sync(receiptOf(123), WAIT_ALL));
  assert.equal(result.quorumAchieved, true);
  assert.deepEqual(requests('us-west-1'), [0, 1_000, 3_000]);
  assert.deepEqual(
    lines().filter((line) => !line.startsWith('DEBUG')),
    [
      'INFO Multi-region receipt sync ready',
      'INFO Starting receipt sync for rec-123 to 1 regions (quorum: 2)',
      'WARN Retrying receipt rec-123 sync to us-west-1 (attempt 1/3, backoff: 1000ms)',
      'WARN Retrying receipt rec-123 sync to us-west-1 (attempt 2/3, backoff: 2000ms)',
      'INFO Receipt rec-123 successfully synced to region: us-west-1 on attempt 3',
      'INFO Receipt rec-123 sync result: 2/2 regions synced, quorum=true',
    ],
  );
});

test('always 503: four requests in the call at 0, 1, 3 and 7 s, then it gives up', async () => {
  const { region, clock, lines, requests } = await scene({ 'us-west-1': () => status(503) });
  const result = await eventually(clock, region.sync(receiptOf(1), { waitFor: 'quorum' }));
  assert.deepEqual(requests('us-west-1'), [0, 1_000, 3_000, 7_000]);
  assert.deepEqual([result.outcome, result.quorumAchieved, result.syncedRegions, result.totalRegions], ['pending', false, 1, 2]);
  const message = 'Max retries exhausted: HTTP error 503: Service Unavailable';
  assert.deepEqual(result.errors, [{ region: 'us-west-1', code: 'HTTP_STATUS', message, retryable: true }]);
  assert.deepEqual(result.pending, ['us-west-1']);
  assert.deepEqual(lines().slice(-4), [
    'WARN Max retries (3) exhausted for receipt rec-1 to us-west-1',
    `ERROR Failed to sync receipt rec-1 to region us-west-1: ${message}`,
    'INFO Receipt rec-1 sync result: 1/2 regions synced, quorum=false',
    'ERROR Quorum consensus failed for receipt rec-1: 1/2 regions confirmed',
  ]);
});

for (const code of [400, 401, 403, 404, 409, 422, 500]) {
  test(`${code}: one request, no retry in the call`, async () => {
    const { region, clock, requests, lines } = await scene({ 'us-west-1': () => status(code) });
    const result = await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
    assert.equal(requests('us-west-1').length, 1);
    assert.equal(result.errors[0]?.retryable, false);
    assert.ok(lines().some((line) => line.startsWith('WARN Non-retryable error syncing receipt rec-1 to us-west-1: HTTP error')));
  });
}

test('a refusal for good is outcome refused once the threshold is out of reach, and no longer pending', async () => {
  const { region, clock } = await scene({ 'us-west-1': () => status(409) });
  const result = await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
  assert.deepEqual([result.outcome, result.pending, result.errors[0]?.code], ['refused', [], 'CONFLICT']);
  const [west] = await eventually(clock, region.status());
  assert.deepEqual([west?.failureCount, west?.isAvailable, west?.owedCount], [0, true, 0]);
});

test('after the call has given up delivery goes on, no earlier than 4 s later, and reaches the remote', async () => {
  const { region, clock, requests } = await scene({ 'us-west-1': (n) => (n < 5 ? status(503) : OK) });
  await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
  await clock.advance(60_000);
  const [, , , last, first, second] = requests('us-west-1');
  assert.ok((first ?? 0) - (last ?? 0) >= 4_000 && (first ?? 0) - (last ?? 0) <= 8_000, `first background attempt after ${(first ?? 0) - (last ?? 0)} ms`);
  assert.ok((second ?? 0) - (first ?? 0) >= 4_000, 'the next one waits too');
  assert.equal((await eventually(clock, region.status()))[0]?.owedCount, 0);
});

test('the wait grows to 30 s and no further while a remote is dead', async () => {
  const { region, clock, requests } = await scene({ 'us-west-1': () => status(503) });
  await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
  await clock.advance(600_000);
  const times = requests('us-west-1').slice(3);
  const waits = times.slice(1).map((at, n) => at - (times[n] ?? 0));
  assert.ok(
    waits.slice(3).every((wait) => wait >= 15_000 && wait <= 30_000),
    waits.join(', '),
  );
});

test('three failed syncs in a row make a region unavailable, the next success makes it available again', async () => {
  let isDown = true;
  const { region, clock, lines, requests } = await scene({ 'us-west-1': () => (isDown ? status(500) : OK) });
  for (const n of [1, 2, 3]) await eventually(clock, region.sync(receiptOf(n), WAIT_ALL));
  assert.deepEqual(
    (await eventually(clock, region.status())).map(({ isAvailable, failureCount, circuit }) => [isAvailable, failureCount, circuit]),
    [[false, 3, 'open']],
  );
  assert.equal(lines().filter((line) => line === 'WARN Region us-west-1 marked as unavailable (failure_count: 3)').length, 1);
  assert.equal(region.health().quorumStatus, false);
  isDown = false;
  await clock.advance(200);
  const before = requests('us-west-1').length;
  const result = await eventually(clock, region.sync(receiptOf(4), WAIT_ALL));
  assert.equal(result.quorumAchieved, true);
  assert.ok(requests('us-west-1').length > before);
  assert.ok(lines().includes('INFO Region us-west-1 marked as available (failure_count reset to 0)'));
});

test('while the circuit is open a call takes part in one probe and gives up with it', async () => {
  const { region, clock, requests } = await scene({ 'us-west-1': () => status(503) }, { maxRetries: 1, retryBackoffMs: 10 });
  for (const n of [1, 2, 3]) await eventually(clock, region.sync(receiptOf(n), WAIT_ALL));
  await clock.advance(150);
  const before = requests('us-west-1').length;
  const results = await eventually(clock, Promise.all([4, 5, 6].map((n) => region.sync(receiptOf(n), WAIT_ALL))));
  assert.equal(requests('us-west-1').length - before, 1);
  assert.deepEqual(
    results.map(({ errors }) => errors[0]?.code),
    ['HTTP_STATUS', 'CIRCUIT_OPEN', 'CIRCUIT_OPEN'],
  );
});

test('a remote that never answers is ended by the timeout, and costs the others nothing', async () => {
  const { region, clock } = await scene({ slow: () => new Promise(() => undefined), fast: () => OK });
  const startMs = clock.monotonicMs();
  assert.equal((await eventually(clock, region.sync(receiptOf(1), { waitFor: 'quorum' }))).quorumAchieved, true);
  assert.equal(clock.monotonicMs(), startMs);
  const result = await eventually(clock, region.sync(receiptOf(2), WAIT_ALL));
  assert.deepEqual(
    result.errors.map(({ region: id, code, message }) => [id, code, message]),
    [['slow', 'TIMEOUT', 'Max retries exhausted: Request timeout after 5000ms']],
  );
});

test('the deadline resolves as pending, and an aborted signal rejects with its reason; neither stops the delivery', async () => {
  const { region, clock, requests } = await scene({ 'us-west-1': (n) => (n < 2 ? status(503) : OK) });
  assert.equal((await eventually(clock, region.sync(receiptOf(1), { waitFor: 'quorum', deadlineMs: 500 }))).outcome, 'pending');
  assert.equal(clock.monotonicMs(), 500);
  const abort = new AbortController();
  const call = region.sync(receiptOf(2), { waitFor: 'quorum', signal: abort.signal });
  call.catch(() => undefined);
  await clock.advance(10);
  abort.abort(new Error('enough'));
  await assert.rejects(eventually(clock, call), /enough/);
  await clock.advance(10_000);
  assert.equal((await eventually(clock, region.status()))[0]?.owedCount, 0);
  assert.ok(requests('us-west-1').length >= 3);
});

test('a repeated call for a pending receipt begins a new schedule', async () => {
  const { region, clock, requests } = await scene({ 'us-west-1': (n) => (n < 4 ? status(503) : OK) });
  assert.equal((await eventually(clock, region.sync(receiptOf(1), WAIT_ALL))).outcome, 'pending');
  const again = await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
  assert.deepEqual([again.outcome, again.duplicate, requests('us-west-1').length], ['quorum', true, 5]);
});

test('401 pauses the link with an alarm and a probe each 30 s; when it is welcome again all follows', async () => {
  let isWelcome = false;
  const { region, clock, events, requests } = await scene({ 'us-west-1': () => (isWelcome ? OK : status(401)) });
  await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
  assert.deepEqual(events.filter(({ kind }) => kind === 'alarm').length, 1);
  assert.equal(region.overview().alarms.length, 1);
  await clock.advance(100_000);
  const waits = requests('us-west-1')
    .map((at, n, all) => at - (all[n - 1] ?? 0))
    .slice(1);
  assert.ok(waits.length === 3 && waits.every((wait) => wait >= 30_000 && wait < 30_100), waits.join(', '));
  isWelcome = true;
  await clock.advance(31_000);
  assert.equal((await eventually(clock, region.status()))[0]?.owedCount, 0);
  assert.equal(region.overview().alarms.length, 0);
});

test('Retry-After is honoured in the background', async () => {
  const { region, clock, requests } = await scene({ 'us-west-1': (n) => (n === 0 ? status(429, '60') : OK) });
  await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
  await clock.advance(100_000);
  assert.ok((requests('us-west-1')[1] ?? 0) >= 60_000);
  assert.equal((await eventually(clock, region.status()))[0]?.failureCount, 0);
});

test('what is owed survives a restart: only from the durable offset on, and refusals stay refused', async () => {
  const disk = new MemoryDisk();
  const first = await scene({ 'us-west-1': (n) => (n === 0 ? OK : n === 1 ? status(409) : status(503)) }, { disk });
  for (const n of [1, 2, 3]) await eventually(first.clock, first.region.sync(receiptOf(n), WAIT_ALL));
  await first.clock.advance(2_000);
  await eventually(first.clock, first.region.close(0));
  const sent: string[] = [];
  const note: Script = (_, parcels) => {
    sent.push(...parcels.map(({ receiptId }) => receiptId));
    return OK;
  };
  const again = await scene({ 'us-west-1': note }, { disk });
  await again.clock.advance(5_000);
  assert.deepEqual(sent, ['rec-3']);
  assert.equal((await eventually(again.clock, again.region.sync(receiptOf(2), WAIT_ALL))).outcome, 'refused');
});

test('sync disabled: stored and owed, and delivered once it is enabled', async () => {
  const disk = new MemoryDisk();
  const off = await scene({ 'us-west-1': () => OK }, { disk, crossRegionSyncEnabled: false });
  const result = await eventually(off.clock, off.region.sync(receiptOf(1), { waitFor: 'quorum' }));
  assert.deepEqual([result.outcome, result.syncedRegions, result.totalRegions, result.quorumAchieved], ['disabled', 0, 0, false]);
  await eventually(off.clock, off.region.close(0));
  const on = await scene({ 'us-west-1': () => OK }, { disk });
  await on.clock.advance(1_000);
  assert.equal(on.requests('us-west-1').length, 1);
});

test('weights are summed, an observer never counts, and the local region counts by its own', async () => {
  const regions = [
    { regionId: 'heavy', weight: 2, timeoutMs: 100 },
    { regionId: 'observer', weight: 0, timeoutMs: 100 },
  ];
  const { region, clock } = await scene({ heavy: () => status(409), observer: () => OK }, { regions, quorumThreshold: 2 });
  const result = await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
  assert.deepEqual([result.outcome, result.weight, result.syncedRegions, result.totalRegions], ['refused', 1, 2, 3]);
});

test('waitForQuorum outlasts the calls', async () => {
  const { region, clock } = await scene({ 'us-west-1': (n) => (n < 6 ? status(503) : OK) });
  await eventually(clock, region.sync(receiptOf(1), WAIT_ALL));
  assert.equal((await eventually(clock, region.waitForQuorum('rec-1'))).outcome, 'quorum');
  await assert.rejects(eventually(clock, region.waitForQuorum('rec-9')), { code: 'NOT_FOUND' });
});

test('fresh receipts do not wait behind the backlog of a remote that has returned', async () => {
  const disk = new MemoryDisk();
  const off = await scene({ 'us-west-1': () => OK }, { disk, crossRegionSyncEnabled: false });
  await eventually(off.clock, Promise.all(Array.from({ length: 5_000 }, (_, n) => off.region.sync(receiptOf(n), { waitFor: 'local' }))));
  await eventually(off.clock, off.region.close(0));
  const slowly: Script = () => on.clock.sleep(100).then(() => OK);
  const on: Scene = await scene({ 'us-west-1': slowly }, { disk, batchMax: 100 });
  await on.clock.advance(150);
  const startMs = on.clock.monotonicMs();
  assert.equal((await eventually(on.clock, on.region.sync(receiptOf('fresh'), { waitFor: 'quorum' }))).quorumAchieved, true);
  assert.ok(on.clock.monotonicMs() - startMs <= 200, 'one round trip, perhaps after one slot has come free');
  const [west] = await eventually(on.clock, on.region.status());
  assert.ok((west?.owedCount ?? 0) > 1_000);
});

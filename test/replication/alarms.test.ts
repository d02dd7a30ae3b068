import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDisk } from '../../sim/memory-disk.ts';
import { MemoryStore } from '../../sim/memory-store.ts';
import { VirtualClock } from '../../sim/virtual-clock.ts';
import { ALARMS_KEPT } from '../../src/log/alarm.ts';
import { NO_CHANGES } from '../../src/ports/log-store.ts';
import type { SyncEvent } from '../../src/ports/observer.ts';
import { Alarms, PLAIN_ALARM } from '../../src/replication/alarms.ts';

interface Desk {
  readonly alarms: Alarms;
  readonly clock: VirtualClock;
  readonly events: SyncEvent[];
  readonly disk: MemoryDisk;
  isFull: boolean;
}

async function desk(disk = new MemoryDisk()): Promise<Desk> {
  const clock = new VirtualClock();
  const events: SyncEvent[] = [];
  const store = new MemoryStore(disk);
  const made: Desk = {
    clock,
    events,
    disk,
    isFull: false,
    alarms: new Alarms(
      {
        clock,
        observe: (event) => events.push(event),
        record: async (changes) => {
          if (!made.isFull) await store.commit({ ...NO_CHANGES, ...changes });
          return !made.isFull;
        },
      },
      await store.recover(),
    ),
  };
  disk.isOpen = false;
  return made;
}

const CONFLICT = { ...PLAIN_ALARM, alarm: 'conflict', region: 'west', message: 'two contents' } as const;
const PAUSED = { ...PLAIN_ALARM, alarm: 'link-paused', region: 'west', message: 'HTTP error 401' } as const;

test('of one kind and region there is one alarm at a time: it is told once, stays over a restart, and goes with a reason', async () => {
  const { alarms, events, disk } = await desk();
  for (let n = 0; n < 3; n += 1) await alarms.raise(CONFLICT);
  await alarms.raise({ ...CONFLICT, region: 'east' });
  assert.equal(events.length, 2);
  const again = await desk(disk);
  assert.deepEqual(
    again.alarms.standing.map(({ id, region }) => [id, region]),
    [
      ['1', 'west'],
      ['2', 'east'],
    ],
  );
  assert.equal(again.events.length, 0);
  await again.alarms.acknowledge('1', 'seen');
  assert.deepEqual(again.events, [{ kind: 'alarm-ended', id: '1', alarm: 'conflict', region: 'west', reason: 'seen' }]);
  await assert.rejects(again.alarms.acknowledge('1', 'twice'), { code: 'NOT_FOUND' });
  const last = await desk(disk);
  assert.deepEqual(
    last.alarms.record.map(({ id, acknowledged }) => [id, acknowledged?.reason]),
    [
      ['2', undefined],
      ['1', 'seen'],
    ],
  );
  await last.alarms.raise(CONFLICT);
  assert.deepEqual(
    last.alarms.standing.map(({ id }) => id),
    ['2', '3'],
  );
});

test('what was acknowledged by its subject is not raised again, another subject is', async () => {
  const { alarms } = await desk();
  await alarms.raise({ ...CONFLICT, subject: 'a' });
  await alarms.acknowledge('1', 'known');
  await alarms.raise({ ...CONFLICT, subject: 'a' });
  assert.deepEqual(alarms.standing, []);
  await alarms.raise({ ...CONFLICT, subject: 'b' });
  assert.equal(alarms.standing.length, 1);
});

test('a condition ends by itself, is not stored, and nobody can acknowledge it', async () => {
  const { alarms, events, disk } = await desk();
  await alarms.raise(PAUSED);
  await alarms.raise(PAUSED);
  await assert.rejects(alarms.acknowledge('link-paused:west', 'why'), { code: 'NOT_FOUND' });
  assert.equal(alarms.standing.length, 1);
  alarms.end('link-paused', 'west');
  alarms.end('link-paused', 'west');
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['alarm', 'alarm-ended'],
  );
  assert.equal(disk.alarms.size, 0);
});

test('an alarm that the disk had no room for is shown, and made durable once it has; an acknowledgement that was not stored is none', async () => {
  const made = await desk();
  made.isFull = true;
  await made.alarms.raise(CONFLICT);
  assert.equal(made.alarms.standing.length, 1);
  await assert.rejects(made.alarms.acknowledge('1', 'seen'), { code: 'STORE_FAILED' });
  assert.equal(made.alarms.standing.length, 1);
  await made.clock.advance(20_000);
  assert.equal(made.disk.alarms.size, 0);
  made.isFull = false;
  await made.clock.advance(6_000);
  assert.equal(made.disk.alarms.size, 1);
});

test('a reason is 1 to 1,000 characters', async () => {
  const { alarms } = await desk();
  await alarms.raise(CONFLICT);
  for (const reason of ['', ' \n', 'x'.repeat(1_001), '\ud800']) await assert.rejects(alarms.acknowledge('1', reason), { code: 'INVALID_QUERY' });
  for (const id of ['0', '01', '2', '-1', '1.0', 'one', '1e0', '999999999999999999'])
    await assert.rejects(alarms.acknowledge(id, 'why'), { code: 'NOT_FOUND' });
  await alarms.acknowledge('1', 'x'.repeat(1_000));
});

test('the record keeps what stands, and the newest of the rest', async () => {
  const { alarms, disk } = await desk();
  await alarms.raise({ ...CONFLICT, region: 'stands' });
  for (let n = 2; n < ALARMS_KEPT + 50; n += 1) {
    await alarms.raise(CONFLICT);
    await alarms.acknowledge(String(n), 'seen');
  }
  assert.equal(alarms.record.length, ALARMS_KEPT + 1);
  assert.equal(alarms.record.at(-1)?.region, 'stands');
  assert.equal((await desk(disk)).alarms.record.length, ALARMS_KEPT + 1);
});

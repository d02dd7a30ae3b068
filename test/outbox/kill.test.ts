import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outboxRun } from './kill-rounds.ts';

test('application and sidecar are killed between commit and hand-over: none lost, none doubled', async () => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));
  console.log(`seed ${seed}: npm run outbox-kills -- --seed ${seed} repeats it`);
  const run = await outboxRun({ rows: 1_000, kills: 6, seed });
  assert.deepEqual(run, {
    rows: 1_000,
    killsOfApplication: 3,
    killsOfSidecar: 3,
    killsAtWork: 6,
    payments: 1_000,
    receipts: 1_000,
    atQuorum: 1_000,
    missing: { 'us-east-1': 0, 'us-west-1': 0, 'eu-west-1': 0 },
    extra: { 'us-east-1': 0, 'us-west-1': 0, 'eu-west-1': 0 },
    waiting: 0,
    setAside: 0,
  });
});

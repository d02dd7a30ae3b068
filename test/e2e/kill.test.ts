import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { killRounds } from '../torture/kill-rounds.ts';

/** A tenth of what `npm run torture -- --full` does. */
const ROUNDS = 10;

test('ten rounds of SIGKILL under load: nothing acknowledged is lost, all regions hold the same in the end', async (context) => {
  const seed = Math.floor(Math.random() * 1_000_000_000);
  context.diagnostic(`seed ${seed}: npm run torture -- --kills ${ROUNDS} --seed ${seed}`);
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-kill-'));
  const report = await killRounds(folder, ROUNDS, seed);
  context.diagnostic(JSON.stringify(report));
  assert.ok(report.certain + report.durable >= ROUNDS * 200);
  await rm(folder, { recursive: true, force: true });
});

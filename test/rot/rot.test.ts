import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../sim/random.ts';
import { auditedOffline, copyOf, rotten, served, withheld, withStoppedRegion, wrong } from './rot.ts';

/** Bits that turn over; 200 with `FLIPS=200` (docs/operate/audit.md). */
const FLIPS = Number(process.env['FLIPS'] ?? 20);

test(`${FLIPS} bits turned over at random in stored receipts, tiles and digests: each is found by the audit, and none is served`, async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const random = new Random(seed);
  t.diagnostic(`seed ${seed}`);
  const folder = await mkdtemp(join(tmpdir(), 'receipt-sync-rot-'));
  try {
    await withStoppedRegion(async (stopped) => {
      const clean = copyOf(stopped.config, join(folder, 'clean'));
      const { audit, findings } = await auditedOffline(clean);
      assert.deepEqual([findings, audit.total, audit.verified], [[], 920, 920]);
      const truth = await served(clean);
      assert.equal(truth?.findings, 0);
      assert.deepEqual(
        [...(truth?.answers ?? [])].filter(([, answer]) => answer.startsWith('refused') && !answer.includes('NOT_CERTIFIED')),
        [],
      );
      let notStarted = 0;
      for (let n = 0; n < FLIPS; n += 1) {
        const { config, what } = rotten(stopped, random, join(folder, `${n}`));
        const before = await auditedOffline(config);
        assert.ok(before.findings.length > 0, `${what}, seed ${seed}: the audit has not found it`);
        const now = await served(config);
        if (now === undefined) {
          notStarted += 1;
          assert.match(what, /^bit \d of byte \d+ of the frame/, `${what}, seed ${seed}: a region starts without a tile`);
        } else {
          assert.deepEqual(wrong(now.answers, truth?.answers ?? new Map()), [], `${what}, seed ${seed}`);
          assert.ok(now.findings > 0, `${what}, seed ${seed}: the audit of the running region has not found it`);
          assert.ok(withheld(now.answers, truth?.answers ?? new Map()) < 700, `${what}, seed ${seed}: one bit takes everything with it`);
        }
        await rm(join(folder, `${n}`), { recursive: true });
      }
      t.diagnostic(`the region did not start with ${notStarted} of them`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

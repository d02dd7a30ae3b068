import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Scene, type Trouble, type Waits, waitsWith } from './dead-region.ts';

const TROUBLES: readonly Trouble[] = ['cut off', 'no power', 'slow disk', 'far away'];
/** R8. */
const P99_MOST = 1.1;
const TROUBLE_MS = 8_000;

function newSeed(): number {
  return Math.floor(Math.random() * 1_000_000_000);
}

/** What R8 promises the callers of the others, in one sentence where it does not hold. */
function costOf(before: Waits, waits: Waits): string | undefined {
  if (waits.without > 0) return `${waits.without} of ${waits.calls} callers had no quorum`;
  const ratio = waits.p99Ms / before.p99Ms;
  return ratio <= P99_MOST ? undefined : `the p99 is ${waits.p99Ms.toFixed(1)} ms, ${ratio.toFixed(2)} times that of before`;
}

for (const isMirrored of [true, false]) {
  test(`a region that is gone or slow costs callers of the others at most a tenth of their p99, ${isMirrored ? 'with keys' : 'by the plain protocol'}`, async (context) => {
    const seed = newSeed();
    const scene: Scene = { seed, regions: 3 + (seed % 3), isMirrored, isNeeded: false, troubleMs: TROUBLE_MS };
    context.diagnostic(`waitsWith(trouble, ${JSON.stringify(scene)})`);
    const before = await waitsWith('none', scene);
    assert.ok(before.calls > 200 && before.without === 0);
    for (const trouble of TROUBLES) assert.equal(costOf(before, await waitsWith(trouble, scene)), undefined, trouble);
  });
}

test('where the quorum needs the region, its trouble is seen in the figures', async () => {
  const scene: Scene = { seed: newSeed(), regions: 3, isMirrored: true, isNeeded: true, troubleMs: 4_000 };
  const before = await waitsWith('none', scene);
  for (const trouble of TROUBLES) assert.notEqual(costOf(before, await waitsWith(trouble, scene)), undefined, trouble);
});

test('what waits for a region that is cut off or far away does not grow with the time', async () => {
  for (const trouble of ['cut off', 'far away'] as const) {
    const scene: Scene = { seed: newSeed(), regions: 3, isMirrored: true, isNeeded: false, troubleMs: 10_000 };
    const [short, long] = [await waitsWith(trouble, scene), await waitsWith(trouble, { ...scene, troubleMs: 40_000 })];
    assert.ok(long.timers <= 2 * short.timers + 20, `${trouble}: ${short.timers} timers after 10 s, ${long.timers} after 40 s`);
  }
});

import type { Host } from '../host.ts';
import { Random } from '../random.ts';
import { recur, type Stage } from '../stage.ts';

/** Disks that fail for good until somebody replaces them, that are slow to read, and that now and then give back a bit that was never written. */
export function diskFaults(stage: Stage): void {
  recur(stage, { feature: 'broken disk', salt: 0xb0_0c4d, share: 0.25, mostMs: 20_000 }, (random) =>
    breakFor(stage, random.pick(stage.hosts), 500 + random.uniform() * 6_000),
  );
  recur(stage, { feature: 'slow reads', salt: 0x51_0ead, share: 0.3, mostMs: 15_000 }, (random) => {
    const { faults } = random.pick(stage.hosts);
    faults.readMs = 1 + random.uniform() * 150;
    stage.clock.after(random.uniform() * 5_000, () => {
      faults.readMs = 0.05;
    });
  });
  const rate = flipRate(stage);
  const random = new Random(stage.seed ^ 0xf1_1b19);
  if (rate > 0) for (const { faults } of stage.hosts) if (random.chance(0.5)) faults.flips = rate;
}

/** How probable it is that a read of this world gives back a bit that was never written; nearly always 0. */
export function flipRate(stage: Pick<Stage, 'seed' | 'has'>): number {
  const random = new Random(stage.seed ^ 0xf1_1b17);
  return stage.has('flipped reads') && random.chance(0.15) ? random.uniform() * 0.05 : 0;
}

/** Nothing becomes durable, and restarts are of no use, until it is replaced; what was durable is on the new one too. */
function breakFor(stage: Stage, host: Host, forMs: number): void {
  host.faults.isBroken = true;
  stage.clock.after(forMs, () => {
    host.faults.isBroken = false;
    stage.powerCut(host, 200);
  });
}

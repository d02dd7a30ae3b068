import { recur, type Stage } from '../stage.ts';

const YEAR_MS = 31_557_600_000;

/** Crashes at a chosen operation, pauses, and clocks that only one machine has. */
export function machineFaults(stage: Stage): void {
  crashesAtAwait(stage);
  pauses(stage);
  recur(stage, { feature: 'restarts', salt: 0x4e_57a4, share: 0.3, mostMs: 12_000 }, (random) => stage.restart(random.pick(stage.hosts), random.below(2_000)));
  recur(stage, { feature: 'own clocks', salt: 0xc1_0c45, share: 0.4, mostMs: 15_000 }, (random) => {
    random.pick(stage.hosts).skewMs = random.chance(0.3) ? 0 : (random.uniform() - 0.5) * 100 * YEAR_MS;
  });
}

/** Power is lost before, during or after the n-th operation from now: so in the end at every await of every operation. */
function crashesAtAwait(stage: Stage): void {
  recur(stage, { feature: 'crash at await', salt: 0xc4_a54, share: 0.5, mostMs: 8_000 }, (random) => {
    const host = random.pick(stage.hosts);
    const downMs = random.chance(0.5) ? random.below(300) : random.below(6_000);
    host.fate?.plan({
      left: 1 + random.below(random.pick([3, 20, 150])),
      phase: random.pick(['before', 'during', 'after'] as const),
      delayMs: random.uniform() * 2,
      strike: (operation) => {
        stage.happened(`crash ${operation}`);
        stage.powerCut(host, downMs);
      },
    });
  });
}

/** A process that is not run for seconds: no timer rings, no message is read, and then all at once. */
function pauses(stage: Stage): void {
  recur(stage, { feature: 'pauses', salt: 0x9a_05e5, share: 0.3, mostMs: 12_000 }, (random) => {
    const { fate } = random.pick(stage.hosts);
    if (fate === undefined || fate.isStalled) return;
    fate.stall();
    stage.clock.after(100 + random.uniform() * 8_000, () => fate.resume());
  });
}

import { recur, type Stage } from '../stage.ts';
import { bring, receiptOf } from '../workload/submit.ts';

const CALLS = 24;
const SPREAD_MS = 12;
/** What the failed fsync leaves behind is there for so long. */
const RESTARTED_MS = 200;

/** Few receipts, each brought to one region again and again within a few commits, and one of these fails: repeats wait behind what is lost by it. */
export function stutters(stage: Stage): void {
  recur(stage, { feature: 'stutters', salt: 0x57_a77e, share: 0.3, mostMs: 8_000 }, (random) => {
    const { clock } = stage;
    const host = random.pick(stage.hosts);
    const name = `stutter-${Math.floor(clock.monotonicMs())}`;
    for (let n = 0; n < CALLS; n += 1) {
      const receipt = receiptOf(`${name}-${random.below(1 + n / 4)}`);
      const patience = { gaveUp: clock.sleep(2_000), options: () => ({ waitFor: 'local' }) as const };
      clock.after((SPREAD_MS * n) / CALLS + random.uniform(), () => void bring(stage, host, receipt, patience));
    }
    clock.after(random.uniform() * SPREAD_MS, () => {
      host.faults.failsNext = true;
    });
    clock.after(RESTARTED_MS, () => {
      host.faults.failsNext = false;
      stage.powerCut(host, RESTARTED_MS);
    });
  });
}

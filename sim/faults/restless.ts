import { recur, type Stage } from '../stage.ts';
import { bring, receiptOf } from '../workload/submit.ts';

const LIVES = 6;
const LIFE_MS = 300;
const DOWN_MS = 20;
/** The share of messages that are late while it lasts. */
const DELAY = 0.5;

/** A machine that goes down and comes back several times in a few seconds, while messages are late: what one life has sent arrives in the next. */
export function restless(stage: Stage): void {
  recur(stage, { feature: 'restless', salt: 0x4e_571e, share: 0.15, mostMs: 12_000 }, (random) => {
    const { clock, net } = stage;
    const host = random.pick(stage.hosts);
    const name = `restless-${Math.floor(clock.monotonicMs())}`;
    const { delay } = net.weather;
    net.weather.delay = DELAY;
    for (let life = 0; life < LIVES; life += 1) {
      for (const n of [0, 1, 2]) {
        const patience = { gaveUp: clock.sleep(2_000), options: () => ({ waitFor: 'local' }) as const };
        clock.after(life * LIFE_MS + DOWN_MS + 30 * n + 30, () => void bring(stage, host, receiptOf(`${name}-${life}-${n}`), patience));
      }
      clock.after((life + 1) * LIFE_MS - random.uniform() * 50, () => stage.powerCut(host, DOWN_MS));
    }
    clock.after(LIVES * LIFE_MS, () => {
      if (!stage.isOver()) net.weather.delay = delay;
    });
  });
}

import { Random } from '../random.ts';
import type { Stage } from '../stage.ts';
import { receiptOf, submit } from './submit.ts';

/** Clients that submit, repeat, and now and then bring another content under an id in use. */
export function clients(stage: Stage, random: Random): void {
  const count = 1 + random.below(6);
  const ids = 1 + random.below(60);
  const conflicts = random.chance(0.5) ? 0 : random.uniform() * 0.2;
  for (let client = 0; client < count; client += 1) {
    const next = (): void => {
      if (stage.isOver()) return;
      const ticks = random.chance(conflicts) ? 2 : 1;
      const receipt = receiptOf(`r${random.below(ids)}`, ticks);
      void submit(stage, random.pick(stage.hosts), receipt, random).finally(() => stage.clock.after(random.uniform() * 800, next));
    };
    stage.clock.after(random.uniform() * 500, next);
  }
}

/** In some seeds, applications that bring two contents under one new id to two regions at once, again and again, among others that do not. */
export function rivals(stage: Stage): void {
  const random = rivalry(stage);
  if (random === undefined) return;
  const everyMs = 50 + random.below(1_500);
  const share = random.uniform();
  let count = 0;
  const next = (): void => {
    if (stage.isOver()) return;
    count += 1;
    const id = `rival-${count}`;
    void submit(stage, random.pick(stage.hosts), receiptOf(id), random);
    if (random.chance(share)) void submit(stage, random.pick(stage.hosts), receiptOf(id, 2), random);
    stage.clock.after(random.uniform() * 2 * everyMs, next);
  };
  stage.clock.after(0, next);
}

/** The stream of this world's rivals, where it has any. Of its own: seeds that have none of it are as they were. */
export function rivalry(stage: Stage): Random | undefined {
  const random = new Random(stage.seed ^ 0x71_7a15);
  return !stage.has('rivals') || random.chance(0.7) ? undefined : random;
}

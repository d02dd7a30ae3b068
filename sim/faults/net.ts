import { Random } from '../random.ts';
import type { Stage } from '../stage.ts';

/** Gives a world's network its worse half, each part at a rate of its own, which may be none. True if bits may turn in what is sent. */
export function roughNet(stage: Pick<Stage, 'seed' | 'has' | 'net'>): boolean {
  const random = new Random(stage.seed ^ 0x40_0647);
  const rate = (share: number, most: number): number => (random.chance(share) ? random.uniform() * most : 0);
  const [reset, late, echo, busy, corrupt] = [rate(0.5, 0.15), rate(0.4, 0.05), rate(0.4, 0.05), rate(0.2, 0.1), rate(0.2, 0.05)];
  const weather = {
    reset: stage.has('resets') ? reset : 0,
    late: stage.has('late messages') ? late : 0,
    echo: stage.has('late messages') ? echo : 0,
    busy: stage.has('busy remotes') ? busy : 0,
    corrupt: stage.has('corrupt messages') ? corrupt : 0,
  };
  // A world without any of it draws nothing for it.
  if (Object.values(weather).some((each) => each > 0)) stage.net.roughen(weather, random.fork());
  return weather.corrupt > 0;
}

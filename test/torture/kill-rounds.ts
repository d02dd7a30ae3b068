import { Random } from '../../sim/random.ts';
import { type CheckReport, checkAll } from './checker.ts';
import { Cluster } from './cluster.ts';
import { killed } from './ends.ts';
import { Load } from './load.ts';
import { Shadow } from './shadow.ts';

/** Between two kills at least so many are answered: a kill must have something to lose. */
const TOLD_BETWEEN_KILLS = 200;
const AWAY_MS_MAX = 400;

/**
 * Rounds of SIGKILL against three real processes under load: a random region, only while requests are unanswered and enough were
 * answered since the last kill. Throws if anything that a caller was told is missing, doubled or different.
 */
export async function killRounds(folder: string, rounds: number, seed: number): Promise<CheckReport & { readonly rounds: number }> {
  const random = new Random(seed);
  await using cluster = await Cluster.make(folder, random.fork(), { kinds: ['folder'] });
  await cluster.start();
  const shadow = new Shadow();
  await using load = new Load(cluster, random.fork(), shadow);
  for (let round = 0; round < rounds; round += 1) {
    await load.busyWithAtLeast(TOLD_BETWEEN_KILLS);
    await killed(random.pick(cluster.regions), shadow, random.below(AWAY_MS_MAX));
  }
  await load.stop();
  return { rounds, ...(await checkAll(cluster, shadow)) };
}

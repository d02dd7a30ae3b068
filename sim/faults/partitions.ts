import type { Random } from '../random.ts';
import { recur, type Stage } from '../stage.ts';

/** Says of a way whether it is closed. */
type Wall = (from: string, to: string) => boolean;

/** One region alone, two halves, two halves that one region sees both of, one direction of all ways of a region, ways that come and go. */
export function partitions(stage: Stage): void {
  recur(stage, { feature: 'partitions', salt: 0x9a_2717, share: 0.4, mostMs: 12_000 }, (random) => {
    const ids = stage.hosts.map(({ id }) => id);
    const kind = random.pick(['isolated', 'deaf', 'mute', 'halves', 'bridge', 'flapping'] as const);
    stage.happened(`partition: ${kind}`);
    const forMs = 200 + random.uniform() * 12_000;
    if (kind === 'flapping') flap(stage, random, forMs);
    else close(stage, wallOf(kind, ids, random), forMs);
  });
}

function wallOf(kind: 'isolated' | 'deaf' | 'mute' | 'halves' | 'bridge', ids: readonly string[], random: Random): Wall {
  const one = random.pick(ids);
  if (kind === 'isolated') return (from, to) => from === one || to === one;
  if (kind === 'deaf') return (_, to) => to === one;
  if (kind === 'mute') return (from) => from === one;
  const left = new Set(ids.filter(() => random.chance(0.5)));
  const isApart: Wall = (from, to) => left.has(from) !== left.has(to);
  return kind === 'halves' ? isApart : (from, to) => from !== one && to !== one && isApart(from, to);
}

function close({ net, clock }: Stage, wall: Wall, forMs: number): void {
  net.walls.add(wall);
  clock.after(forMs, () => net.walls.delete(wall));
}

/** Closed and open by turns, many times a second or less. */
function flap(stage: Stage, random: Random, forMs: number): void {
  const { clock, hosts } = stage;
  const wall = wallOf('isolated', [random.pick(hosts).id], random);
  const endMs = clock.monotonicMs() + forMs;
  const again = (): void => {
    if (stage.isOver() || clock.monotonicMs() >= endMs) return;
    close(stage, wall, 10 + random.uniform() * 400);
    clock.after(20 + random.uniform() * 800, again);
  };
  again();
}

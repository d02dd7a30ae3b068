import type { Feature } from '../features.ts';
import type { Host } from '../host.ts';
import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';

/** Crashes, cuts, full disks, failing fsyncs, jumping clocks: each at its own rate, which may be none. One stream for all: those of the first world. */
export function firstFaults(stage: Stage, random: Random): void {
  const everyMs = (most: number): number => (random.chance(0.3) ? Number.POSITIVE_INFINITY : 500 + random.uniform() * most);
  const { hosts, clock } = stage;
  const kinds: readonly (readonly [Feature, number, () => void])[] = [
    ['crash', everyMs(10_000), () => stage.powerCut(random.pick(hosts), 100 + random.below(8_000))],
    ['cut', everyMs(8_000), () => cut(stage, random)],
    ['full disk', everyMs(20_000), () => fill(stage, random.pick(hosts), random.below(5_000))],
    ['failed fsync', everyMs(20_000), () => failFsync(stage, random.pick(hosts), random.below(3_000))],
    ['slow disk', everyMs(20_000), () => slowDown(stage, random.pick(hosts), random.below(5_000))],
    ['clock jump', everyMs(20_000), () => clock.jumpWall((random.uniform() - 0.5) * 63_000_000_000)],
  ];
  for (const [kind, meanMs, happen] of kinds) {
    const again = (): void => {
      if (stage.isOver() || meanMs === Number.POSITIVE_INFINITY || !stage.has(kind)) return;
      clock.after(meanMs * 2 * random.uniform(), () => {
        if (stage.isOver()) return;
        stage.happened(kind);
        happen();
        again();
      });
    };
    again();
  }
}

function cut({ net, hosts, clock }: Stage, random: Random): void {
  const [a, b] = [random.pick(hosts).id, random.pick(hosts).id];
  const ways = random.chance(0.5) ? [`${a}>${b}`] : [`${a}>${b}`, `${b}>${a}`];
  for (const way of ways) net.cuts.add(way);
  clock.after(random.below(10_000), () => {
    for (const way of ways) net.cuts.delete(way);
  });
}

function fill({ clock }: Stage, { faults }: Host, forMs: number): void {
  faults.isFull = true;
  clock.after(forMs, () => {
    faults.isFull = false;
  });
}

/** After a failed fsync the region takes nothing until it is restarted: so somebody restarts it. */
function failFsync(stage: Stage, host: Host, afterMs: number): void {
  host.faults.failsNext = true;
  stage.clock.after(afterMs, () => {
    host.faults.failsNext = false;
    stage.powerCut(host, 200);
  });
}

function slowDown({ clock }: Stage, { faults }: Host, forMs: number): void {
  faults.fsyncMs = 200;
  clock.after(forMs, () => {
    faults.fsyncMs = 1;
  });
}

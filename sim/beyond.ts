import type { AlarmKind } from '../src/log/alarm.ts';
import { OWN_LOG } from '../src/ports/log-store.ts';
import { unreachable } from '../src/std/assert.ts';
import { flipped } from './flip.ts';
import { type Host, type Machine, sizeOf } from './host.ts';
import { frameKey, MemoryDisk, rowKey } from './memory-disk.ts';
import { Random } from './random.ts';
import type { Stage } from './stage.ts';
import { machineOf } from './swarm.ts';

/** A cluster that one of its regions can't cheat, whatever it forgets or signs twice: 2 × threshold > all weight + its weight (SPEC §4). */
export interface BeyondCluster {
  readonly machines: readonly Machine[];
  /** The one that forgets, or runs twice. */
  readonly faulty: string;
}

export function beyondCluster(seed: number): BeyondCluster {
  const random = new Random(seed ^ 0xbe_704d);
  const weights = Array.from({ length: 3 + random.below(3) }, () => 1);
  if (random.chance(0.3)) weights[random.below(weights.length)] = 2;
  const faulty = random.below(weights.length);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const quorumThreshold = Math.min(total, Math.floor((total + (weights[faulty] ?? 1)) / 2) + 1);
  const machines = weights.map((_, n) => machineOf({ weights, quorumThreshold, n }));
  return { machines, faulty: `region-${faulty}` };
}

/** What says that somebody has forgotten, forks, goes back, or is there twice: never of a region that is as it should be. */
export const ACCUSATIONS: ReadonlySet<AlarmKind> = new Set<AlarmKind>(['forgot', 'remote-forgot', 'fork', 'rollback', 'two-instances']);

/** What exceeds the stated faults: one or two kinds of it a seed. */
export interface BeyondStage extends Stage {
  /** Starts a second machine with the keys and a copy of the disk of the first. */
  twin(host: Host, disk: MemoryDisk): void;
}

const KINDS = [
  'older disk',
  'older disk and lock',
  'empty disk',
  'empty disk and lock',
  'two instances',
  'rot',
  'torn tail',
  'majority lost',
  'far clock',
] as const;

/** Lets them happen, once each, somewhere in the storm. */
export function beyondFaults(stage: BeyondStage, faulty: string): void {
  const random = new Random(stage.seed ^ 0xbe_fa17);
  const host = stage.hosts.find(({ id }) => id === faulty);
  if (host === undefined) return;
  for (const kind of new Set([random.pick(KINDS), random.pick(KINDS)])) {
    stage.clock.after(2_000 + random.uniform() * 22_000, () => {
      stage.happened(`beyond: ${kind}`);
      happen(stage, { kind, host, random });
    });
  }
  loseOwnEntries(stage, host);
}

function happen(stage: BeyondStage, { kind, host, random }: { readonly kind: (typeof KINDS)[number]; readonly host: Host; readonly random: Random }): void {
  switch (kind) {
    case 'older disk':
    case 'older disk and lock':
      forget(stage, host, { disk: host.disk.copy(), inMs: random.uniform() * 8_000, isLockKept: kind === 'older disk', downMs: DOWN_MS });
      break;
    case 'empty disk':
    case 'empty disk and lock':
      forget(stage, host, {
        disk: new MemoryDisk(random.below(0xffff_ffff).toString(16).padStart(32, 'f')),
        inMs: 0,
        isLockKept: kind === 'empty disk',
        downMs: DOWN_MS,
      });
      break;
    case 'two instances':
      stage.twin(host, host.disk.copy());
      break;
    case 'rot':
      for (let bits = 1 + random.below(4); bits > 0; bits -= 1) rot(random.pick(stage.hosts).disk, random);
      break;
    case 'torn tail':
      tear(stage, random.pick(stage.hosts), random);
      break;
    case 'majority lost':
      loseMajority(stage, random);
      break;
    case 'far clock':
      random.pick(stage.hosts).skewMs = (random.chance(0.5) ? 1 : -1) * random.pick([1e13, 2.7e14, 1e15, 8e15]);
      break;
    default:
      unreachable(kind);
  }
}

interface Forgetting {
  readonly disk: MemoryDisk;
  readonly inMs: number;
  /** The lock beside the data directory is still there: it says what the disk does not know any more (SPEC §2.1). */
  readonly isLockKept: boolean;
  readonly downMs: number;
}

const DOWN_MS = 500;
/** Longer than any storm: it comes back when nobody brings anything any more. */
const UNTIL_CALM_MS = 32_000;

/** The machine comes back with a disk that knows less. */
function forget(stage: Stage, host: Host, { disk, inMs, isLockKept, downMs }: Forgetting): void {
  stage.clock.after(inMs, () => {
    const hasSigned = host.signing !== undefined && host.disk.commits > disk.commits;
    if (isLockKept && hasSigned) disk.forgot = 'The lock is ahead of the store';
    stage.powerCut(host, downMs);
    host.insert(disk);
    slowComeback(stage, host);
  });
}

/** A disk is looked at this often: between two looks few logs grow. */
const LOOK_MS = 50;

/** In some seeds the machine comes back without its newest own entries, which another region has, and with all that it has signed for others. */
function loseOwnEntries(stage: BeyondStage, host: Host): void {
  const random = new Random(stage.seed ^ 0x0e_1057);
  if (!stage.has('own entries lost') || !random.chance(0.2)) return;
  const look = (before: MemoryDisk): void => {
    if (stage.isOver()) return;
    const isSame = host.isOn && isWithoutOwnOnly(before, host.disk);
    if (isSame && stage.hosts.some((other) => other.id !== host.id && sizeOf(other.disk, host) > before.size(OWN_LOG))) {
      stage.happened('own entries lost');
      // Half of the time nobody brings it anything before it finds out.
      forget(stage, host, { disk: before, inMs: 0, isLockKept: false, downMs: random.chance(0.5) ? UNTIL_CALM_MS : DOWN_MS });
    } else stage.clock.after(LOOK_MS, () => look(isSame ? before : host.disk.copy()));
  };
  stage.clock.after(2_000 + random.uniform() * 15_000, () => look(host.disk.copy()));
}

/** Has nothing been stored since, but entries of its own log? */
function isWithoutOwnOnly(before: MemoryDisk, now: MemoryDisk): boolean {
  return [...now.logs.keys()].every((log) => log === OWN_LOG || before.size(log) === now.size(log));
}

/** Its commits take long at first: what is under way when it finds out is more than nothing. */
function slowComeback(stage: Stage, { faults }: Host): void {
  const random = new Random(stage.seed ^ 0x51_0c0b);
  if (!stage.has('slow comeback') || random.chance(0.5)) return;
  stage.happened('slow comeback');
  faults.fsyncMs = 50 + random.uniform() * 350;
  stage.clock.after(20_000 * random.uniform(), () => {
    faults.fsyncMs = 1;
  });
}

/** One bit of something that is stored: a frame, a tile, or the digest in a row of the index. */
function rot(disk: MemoryDisk, random: Random): void {
  const groups = [...disk.groups.values()].flat();
  const [tiles, rows] = [[...disk.tiles], [...disk.index]];
  const kind = random.pick(['frame', 'frame', 'tile', 'row'] as const);
  if (kind === 'frame' && groups.length > 0) {
    const group = random.pick(groups);
    disk.rot.set(frameKey(group.log, group.start), flipped(disk.frame(group), random));
  } else if (kind === 'tile' && tiles.length > 0) {
    const [key, hashes] = random.pick(tiles);
    disk.rot.set(key, flipped(hashes, random));
  } else if (rows.length > 0) {
    const [id, { digest }] = random.pick(rows);
    disk.rot.set(rowKey(id), flipped(digest, random));
  }
}

/** The end of the newest group is not there any more after the next start. */
function tear(stage: Stage, host: Host, random: Random): void {
  const newest = [...host.disk.groups.values()].flatMap((groups) => groups.at(-1) ?? []);
  // A disk that was emptied has nothing to tear.
  const last = newest.length === 0 ? undefined : random.pick(newest);
  if (last !== undefined) host.disk.rot.set(frameKey(last.log, last.start), last.frame.subarray(0, random.below(last.frame.length)));
  if (random.chance(0.5)) stage.powerCut(host, 300);
}

/** So many machines burn that the rest is no quorum. */
function loseMajority({ hosts }: Stage, random: Random): void {
  const threshold = hosts[0]?.settings.quorumThreshold ?? 0;
  let left = hosts.reduce((sum, { settings }) => sum + settings.weight, 0);
  const alive = [...hosts];
  while (left >= threshold && alive.length > 0) {
    const [host] = alive.splice(random.below(alive.length), 1);
    left -= host?.settings.weight ?? 0;
    host?.burn();
  }
}

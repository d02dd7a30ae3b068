import type { Region } from '../../src/replication/region.ts';
import { TILE_WIDTH } from '../../src/tlog/tile.ts';
import type { Host } from '../host.ts';
import { Random } from '../random.ts';
import { recur, type Stage } from '../stage.ts';
import { bring, receiptOf } from '../workload/submit.ts';

/** Ids that are asked about, so that one of them has not been looked up before. */
const IDS = 5;
const FULL_MS = 2_500;

/** Who is struck, and what is there to ask it. */
interface Aim {
  readonly stage: Stage;
  readonly host: Host;
  readonly region: Region;
  readonly random: Random;
}

/** What is done too seldom for a stroke at whatever comes next to hit it, and what makes it be done. */
const SELDOM: readonly Seldom[] = [
  ['get', (aim) => ofSome(aim, (id) => aim.region.getStored(id))],
  ['list', ({ region, random }) => unheard(region.list({ limit: 1 + random.below(50) }))],
  ['find', (aim) => ofSome(aim, (id) => aim.region.certificate(id, 'all'))],
  ['entries', (aim) => ofSome(aim, (id) => aim.region.certificate(id, 'fewest'))],
  ['read', (aim) => ofSome(aim, (id) => aim.region.verify(id))],
  ['getStored', (aim) => verifiedByAll(aim)],
  ['probe', ({ stage, host }) => fill(stage, host)],
  ['shown', () => undefined],
  ['recover', ({ stage, host }) => stage.powerCut(host, 100)],
  ['close', ({ stage, host }) => stage.restart(host, 100)],
];
/** Only logs of so many entries have a full one. */
const TILE: Seldom = ['tile', (aim) => ofSome(aim, (id) => aim.region.certificate(id, 'fewest'))];

type Seldom = readonly [operation: string, provoke: (aim: Aim) => void];

/** Power is lost before, during or after an operation that is rare, which somebody asks for. */
export function aimedCrashes(stage: Stage): void {
  fullTiles(stage);
  recur(stage, { feature: 'aimed crashes', salt: 0xa1_3ed8, share: 0.4, mostMs: 4_000 }, (random) => {
    const host = random.pick(stage.hosts);
    const downMs = random.below(3_000);
    const [only, provoke] = hasTiles(host) && random.chance(0.8) ? TILE : random.pick(SELDOM);
    const phase = random.pick(['before', 'during', 'after'] as const);
    const strike = (operation: string): void => {
      stage.happened(`crash ${operation}`);
      stage.powerCut(host, downMs);
    };
    // What was read once is not read again: the first time is the only one.
    const left = only === 'tile' ? 1 : 1 + random.below(2);
    host.fate?.plan({ left, only, phase, delayMs: random.uniform() * 0.1, strike });
    if (host.region !== undefined) provoke({ stage, host, region: host.region, random });
  });
}

/** In some of these seeds one region's log grows so long, early on, that it has a full tile. */
function fullTiles(stage: Stage): void {
  const random = new Random(stage.seed ^ 0x71_1e50);
  if (!stage.has('aimed crashes') || !random.chance(0.1)) return;
  stage.clock.after(random.uniform() * 4_000, () => {
    const host = random.pick(stage.hosts);
    const patience = { gaveUp: stage.clock.sleep(2_000), options: LOCAL };
    stage.happened('full tile');
    for (let n = 0; n < TILE_WIDTH; n += 1) void bring(stage, host, receiptOf(`tile-${n}`), patience);
  });
}

function hasTiles({ disk }: Host): boolean {
  return [...disk.groups.keys()].some((log) => disk.size(log) >= TILE_WIDTH);
}

/** Asks for some of what is stored. */
function ofSome({ host, random }: Aim, ask: (id: string) => Promise<unknown>): void {
  const ids = [...host.disk.index.keys()];
  for (let n = 0; n < IDS && ids.length > 0; n += 1) unheard(ask(random.pick(ids)));
}

/** Whoever verifies asks all others. */
function verifiedByAll(aim: Aim): void {
  for (const { region } of aim.stage.hosts) if (region !== undefined) ofSome(aim, (id) => region.verify(id));
}

/** What comes of it is for the readers to judge. */
function unheard(answer: Promise<unknown>): void {
  answer.catch(() => undefined);
}

/** A region that finds its disk full asks it whether it can write again. */
function fill(stage: Stage, host: Host): void {
  host.faults.isFull = true;
  void bring(stage, host, receiptOf(`full-${Math.floor(stage.clock.monotonicMs())}`), { gaveUp: stage.clock.sleep(FULL_MS), options: LOCAL });
  stage.clock.after(FULL_MS, () => {
    host.faults.isFull = false;
  });
}

const LOCAL = () => ({ waitFor: 'local' }) as const;

import { contentAt, left, takeBatch } from './mirror.ts';
import type { Planted } from './rules.ts';
import type { Scenario } from './scenario.ts';
import { type Content, type Log, letterOf, REGIONS, type Region, type RegionState, type State, withAt, withCopy, withOne } from './state.ts';
import { logOf, textOf, usefulTexts } from './text.ts';

/** One thing that happens in one place. Nothing else changes meanwhile, and everything that it does is durable or lost. */
export type Step =
  /** The application of a region brings a receipt: an entry of the own log, a new text, or nothing (SPEC §4). */
  | { readonly kind: 'submit'; readonly region: Region; readonly entry: string }
  /** Somebody posts a receipt by the plain protocol; it is stored in a log that nobody mirrors. */
  | { readonly kind: 'post'; readonly region: Region; readonly content: Content }
  /** A batch arrives, and all goes well or the region dies. In the origin's own region: its own cosignature. */
  | { readonly kind: 'batch'; readonly region: Region; readonly origin: Region; readonly text: string; readonly ends: End }
  /** A log arrives with every text over it that its origin has signed, or, if it lies, could sign; all answers leave. */
  | { readonly kind: 'log'; readonly region: Region; readonly origin: Region; readonly log: Log }
  /** A `refused` answer of this region arrives at the origin, which makes it durable and has a new text. */
  | { readonly kind: 'told'; readonly region: Region; readonly origin: Region }
  /** Planted: the look-up that a later turn will rest on. */
  | { readonly kind: 'look'; readonly region: Region; readonly origin: Region }
  /** The process ends and starts again: memory is lost. */
  | { readonly kind: 'restart'; readonly region: Region };

/** `crash`: between the durable transaction and the answer. `early`: planted, between the answer and the durable transaction. */
type End = 'answer' | 'crash' | 'early';

/** The world that the steps are taken in. */
export interface World {
  readonly scenario: Scenario;
  readonly planted: Planted | undefined;
}

/** Every step that may be taken; some of them change nothing. */
export function stepsOf(world: World, state: State): readonly Step[] {
  const { scenario, planted } = world;
  const steps: Step[] = [];
  for (const region of REGIONS) {
    for (const entry of scenario.submits[region]) steps.push({ kind: 'submit', region, entry });
    if (scenario.posts) for (const content of CONTENTS) steps.push({ kind: 'post', region, content });
    if (planted !== undefined) steps.push({ kind: 'restart', region });
    for (const origin of REGIONS) {
      steps.push(...arrivals(world, state, { region, origin }));
      if (planted === LOOKED_UP_OUTSIDE) steps.push({ kind: 'look', region, origin });
      steps.push({ kind: 'told', region, origin });
    }
  }
  return steps;
}

/**
 * What goes on once faults have stopped and applications are silent: each honest origin sends its newest text to every region until it is
 * answered, and takes what it is told. Older texts that were lost stay lost.
 */
export function fairSteps(world: World, state: State): readonly Step[] {
  const steps: Step[] = [];
  for (const origin of REGIONS) {
    if (world.scenario.lies[origin].length > 0) continue;
    for (const region of REGIONS) {
      steps.push({ kind: 'told', region, origin });
      const text = newestFor(world, state, { origin, to: region });
      if (text !== '') steps.push({ kind: 'batch', region, origin, text, ends: 'answer' });
    }
  }
  return steps;
}

/** The text that an origin has for a region: the same for all, but where a plant has it otherwise. */
export function newestFor({ planted }: World, state: State, { origin, to }: { readonly origin: Region; readonly to: Region }): string {
  const { named, signed } = state.origins[origin];
  const { log } = state.regions[origin].copies[origin];
  if (planted === 'no new text for a line') return signed.find((text) => logOf(text) === log) ?? textOf(log, named);
  return textOf(log, planted === LINE_TO_ONE ? named.filter((line) => line.startsWith(letterOf(to))) : named);
}

/** The state after a step, the very same one where the step changes nothing. */
export function take(world: World, state: State, step: Step): State {
  switch (step.kind) {
    case 'submit':
      return submit(world, state, step);
    case 'post':
      return post(state, step);
    case 'batch':
      return arrive(world, state, step);
    case 'log':
      return arriveWhole(world, state, step);
    case 'told':
      return told(world, state, step);
    case 'look':
      return look(state, step);
    case 'restart':
      return withRegion(state, step.region, restarted(state.regions[step.region], world.planted));
  }
}

type Of<Kind extends Step['kind']> = Extract<Step, { readonly kind: Kind }>;

function submit(world: World, state: State, { region: self, entry }: Of<'submit'>): State {
  const region = state.regions[self];
  const copy = region.copies[self];
  const content = contentAt(entry, 0);
  const isStale = world.planted === LOOKED_UP_OUTSIDE && region.looked.includes(String(self));
  const isConflict = content !== '' && region.first !== '' && region.first !== content && !isStale;
  // A repeat is in the own log already; a second content is answered with 409, and nothing is stored.
  if (copy.log.includes(entry) || isConflict) return state;
  const first = region.first === '' ? content : region.first;
  const looked = region.looked.replace(String(self), '');
  const grown = withCopy({ ...region, first, looked }, self, { ...copy, log: copy.log + entry });
  return signed(world, withRegion(state, self, grown), self);
}

function post(state: State, { region: self, content }: Of<'post'>): State {
  const region = state.regions[self];
  if (region.acknowledged || (region.first !== '' && region.first !== content)) return state;
  return withRegion(state, self, { ...region, first: content, acknowledged: true });
}

/**
 * With its log key an origin signs whatever is its newest text. That is no step of its own: a text that was signed and reached nobody, since
 * the region crashed or the message was lost, is the same as one that was not.
 */
function signed(world: World, state: State, self: Region): State {
  const origin = state.origins[self];
  const texts = REGIONS.reduce((set, region) => withOne(set, newestFor(world, state, { origin: self, to: region })), origin.signed);
  if (texts === origin.signed) return state;
  const after = { ...state, origins: withAt(state.origins, self, { ...origin, signed: texts }) };
  const own: Step = { kind: 'batch', region: self, origin: self, text: newestFor(world, after, { origin: self, to: self }), ends: 'answer' };
  return world.scenario.grain === 'coarse' ? arrive(world, after, own) : after;
}

function arrive({ planted }: World, state: State, { region: self, origin, text, ends }: Of<'batch'>): State {
  if (planted === LINE_TO_ONE && REGIONS.some((other) => other !== self && text.includes(`!${letterOf(other)}`))) return state;
  const before = state.regions[self];
  const turn = takeBatch(before, { to: self, origin, text }, planted);
  switch (ends) {
    case 'answer':
      return withRegion(state, self, left(turn, { origin, text }));
    case 'crash':
      return withRegion(state, self, turn.after);
    case 'early':
      return turn.answer.kind === 'cosigned' ? withRegion(state, self, left({ ...turn, after: before }, { origin, text })) : state;
  }
}

function arriveWhole({ scenario, planted }: World, state: State, { region: self, origin, log }: Of<'log'>): State {
  const texts = scenario.lies[origin].length > 0 ? usefulTexts(log) : state.origins[origin].signed.filter((text) => logOf(text) === log);
  let region = state.regions[self];
  for (const text of texts) region = left(takeBatch(region, { to: self, origin, text }, planted), { origin, text });
  return withRegion(state, self, region);
}

function told(world: World, state: State, { region, origin }: Of<'told'>): State {
  const { said } = state.regions[region].copies[origin];
  const before = state.origins[origin];
  const named = [...said].reduce((lines, index) => withOne(lines, letterOf(region) + index), before.named);
  if (named === before.named) return state;
  return signed(world, { ...state, origins: withAt(state.origins, origin, { ...before, named }) }, origin);
}

function look(state: State, { region: self, origin }: Of<'look'>): State {
  const region = state.regions[self];
  if (region.first !== '' || region.looked.includes(String(origin))) return state;
  return withRegion(state, self, { ...region, looked: [...region.looked, String(origin)].sort().join('') });
}

/** Nothing that SPEC's rules rest on is in memory: only a plant can lose something here. */
function restarted(region: RegionState, planted: Planted | undefined): RegionState {
  const kept = region.looked === '' ? region : { ...region, looked: '' };
  if (planted !== 'refusals forgotten in a restart') return kept;
  return REGIONS.reduce((rest, log) => withCopy(rest, log, { ...rest.copies[log], refused: '' }), kept);
}

function withRegion(state: State, self: Region, region: RegionState): State {
  return region === state.regions[self] ? state : { ...state, regions: withAt(state.regions, self, region) };
}

function arrivals(
  { scenario, planted }: World,
  { origins, regions }: State,
  { region, origin }: { readonly region: Region; readonly origin: Region },
): readonly Step[] {
  const { lies, grain } = scenario;
  const { signed } = origins[origin];
  const { length } = regions[region].copies[origin].log;
  const logs = lies[origin].length > 0 ? lies[origin] : grain === 'coarse' ? new Set(signed.map(logOf)) : [];
  // Entry by entry: whoever sends more at once has fewer texts cosigned, and all else is the same.
  const whole = [...logs].filter((log) => log.length === length || log.length === length + 1).map((log): Step => ({ kind: 'log', region, origin, log }));
  if (grain === 'coarse') return whole;
  const ends = region === origin ? OWN_END : planted === 'signed before durable' ? ENDS_PLANTED : ENDS;
  return [...whole, ...signed.flatMap((text) => ends.map((end): Step => ({ kind: 'batch', region, origin, text, ends: end })))];
}

const ENDS: readonly End[] = ['answer', 'crash'];
const ENDS_PLANTED: readonly End[] = ['answer', 'crash', 'early'];
/** The own cosignature rests on nothing that its turn would have to make durable first. */
const OWN_END: readonly End[] = ['answer'];
const CONTENTS: readonly Content[] = ['1', '2'];
const LOOKED_UP_OUTSIDE: Planted = 'first content looked up outside the turn';
const LINE_TO_ONE: Planted = 'the line sent only to the region that refused';

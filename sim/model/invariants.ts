import { contentAt } from './mirror.ts';
import { type Content, REGIONS, type Region, type State } from './state.ts';
import { fairSteps, newestFor, take, type World } from './steps.ts';
import { isNamed, logOf } from './text.ts';

/** What must hold in every state, however it was reached. */
export interface Invariant {
  readonly name: string;
  /** Does it speak of each state, or of each step? */
  readonly of: 'state' | 'step';
  /** `before`: the state that one step led from. */
  readonly holds: (world: World, state: State, before: State) => boolean;
}

/** Of all signatures that ever left a region: no two certificates that a verifier takes (SPEC §5). */
export const ONE_CERTIFICATE: Invariant = {
  name: 'never two contents certified',
  of: 'state',
  holds: (world, state) => !(isCertified(world, state, '1') && isCertified(world, state, '2')),
};

/** The tally (SPEC §4) adds up different texts, and plain acknowledgements: more than any certificate has. */
export const ONE_QUORUM: Invariant = {
  name: 'never two contents with a quorum',
  of: 'state',
  holds: ({ scenario }, state) => {
    const weight = (content: Content): number => weigh(scenario.weights, (region) => vouches(state, region, content));
    return weight('1') < scenario.threshold || weight('2') < scenario.threshold;
  },
};

/** What was decided before may be sent again, byte for byte; a text that is newly cosigned is never smaller than one before it. */
export const NEVER_SMALLER: Invariant = {
  name: 'never a smaller size cosigned',
  of: 'step',
  holds: (_world, state, before) =>
    everyCopy((region, log) => {
      const { texts } = state.regions[region].copies[log];
      const known = before.regions[region].copies[log].texts;
      return texts === known || texts.every((text) => known.includes(text) || known.every((older) => logOf(older).length <= logOf(text).length));
    }),
};

/** SPEC §2, what a cosignature states: all of it is on disk here, and no entry is refused but those that the text names. */
export const SIGNED_IS_DURABLE: Invariant = {
  name: 'what is cosigned is durable, and refused only where named',
  of: 'state',
  holds: (_world, { regions }) =>
    everyCopy((region, origin) => {
      const { first, copies } = regions[region];
      const { log, answered } = copies[origin];
      return answered.every((text) => {
        const signed = logOf(text);
        return log.startsWith(signed) && [...signed].every((entry, index) => entry === 'f' || entry === first || isNamed(text, region, index));
      });
    }),
};

/**
 * Once faults have stopped: no fair step is left that changes anything, and still an entry is not certified that enough regions do not
 * refuse. Every fair step makes the state grow and none takes anything back, so fair steps always end in such a state, in whatever order they come.
 */
export const PROGRESS: Invariant = {
  name: 'what is not refused becomes certified',
  of: 'state',
  holds: (world, state) => !isAtRest(world, state) || REGIONS.every((origin) => world.scenario.lies[origin].length > 0 || isAllCertified(world, state, origin)),
};

/** All of them. */
export const INVARIANTS: readonly Invariant[] = [ONE_CERTIFICATE, ONE_QUORUM, NEVER_SMALLER, SIGNED_IS_DURABLE, PROGRESS];

/** Is there a text of any log that a verifier takes as a certificate of this content (SPEC §5)? */
export function isCertified(world: World, { regions }: State, content: Content): boolean {
  return REGIONS.some((origin) =>
    REGIONS.some((one) =>
      regions[one].copies[origin].answered.some((text) =>
        [...logOf(text)].some((entry, index) => entry === content && isProof(world, regions, { origin, text, index })),
      ),
    ),
  );
}

interface Claim {
  readonly origin: Region;
  readonly text: string;
  readonly index: number;
}

/** All who have signed exactly this text, the origin's region like any other, without those that it names for the entry. */
function isProof({ scenario, planted }: World, regions: State['regions'], { origin, text, index }: Claim): boolean {
  const readsLines = planted !== 'a verifier that does not read the lines';
  return (
    weigh(scenario.weights, (region) => regions[region].copies[origin].answered.includes(text) && !(readsLines && isNamed(text, region, index))) >=
    scenario.threshold
  );
}

/** Has this region ever said, signed or plain, that it has this content and does not refuse it? */
function vouches({ regions }: State, region: Region, content: Content): boolean {
  const { first, acknowledged, copies } = regions[region];
  if (acknowledged && first === content) return true;
  return copies.some(({ answered }) => answered.some((text) => [...logOf(text)].some((entry, index) => entry === content && !isNamed(text, region, index))));
}

function isAtRest(world: World, state: State): boolean {
  return fairSteps(world, state).every((step) => take(world, state, step) === state);
}

/** By the newest text alone: older ones may have been lost for good. */
function isAllCertified(world: World, state: State, origin: Region): boolean {
  const { regions } = state;
  const { weights, threshold } = world.scenario;
  const texts = REGIONS.map((region) => newestFor(world, state, { origin, to: region }));
  return [...regions[origin].copies[origin].log].every((_entry, index, log) => {
    const content = contentAt(log.join(''), index);
    const unrefused = weigh(weights, (region) => content === '' || regions[region].first === content);
    return unrefused < threshold || texts.some((text) => isProof(world, regions, { origin, text, index }));
  });
}

function weigh(weights: World['scenario']['weights'], counts: (region: Region) => boolean): number {
  return REGIONS.reduce<number>((sum, region) => sum + (counts(region) ? weights[region] : 0), 0);
}

function everyCopy(holds: (region: Region, log: Region) => boolean): boolean {
  return REGIONS.every((region) => REGIONS.every((log) => holds(region, log)));
}

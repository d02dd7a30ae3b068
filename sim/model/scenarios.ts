import { type Invariant, NEVER_SMALLER, ONE_CERTIFICATE, ONE_QUORUM, PROGRESS, SIGNED_IS_DURABLE } from './invariants.ts';
import type { Planted } from './rules.ts';
import type { Scenario } from './scenario.ts';

/** Equal weights, two of three; nobody lies, nobody posts. */
const PLAIN: Omit<Scenario, 'name' | 'submits' | 'grain'> = { lies: [[], [], []], posts: false, weights: [1, 1, 1], threshold: 2 };

/** Two contents go to two regions, the third decides: the least in which everything can go wrong. */
const TWO: Scenario = { ...PLAIN, name: 'two contents at two regions, every message and every crash by itself', submits: ['1', '2', ''], grain: 'fine' };

/** The origin's log differs from its first entry on, from the second on, or has both contents; another region has one of them by itself. */
const FORKED: Scenario = {
  ...PLAIN,
  name: 'an origin that lies at its first or second entry',
  submits: ['', '2', ''],
  lies: [['1', '2', '1f', '2f', '12', '21'], [], []],
  grain: 'coarse',
};

/**
 * What the tests explore. One entry of the id and one other in a log are enough for all that the rules speak of: a refused entry below one
 * that nobody refuses and above one, texts of two sizes, and lines that reach less far than the log. Losses, repeats, reordering and (in
 * fine grain) crashes have no bound.
 */
export const SCENARIOS: readonly Scenario[] = [
  TWO,
  { ...PLAIN, name: 'two contents at two regions, another receipt in every log', submits: ['1f', '2f', 'f'], grain: 'coarse' },
  { ...PLAIN, name: 'both contents at every region', submits: ['12', '12', '12'], grain: 'coarse' },
  { ...PLAIN, name: 'both contents at every region, and plain posts of both', submits: ['12', '12', '12'], posts: true, grain: 'coarse' },
  {
    ...PLAIN,
    name: 'both contents at every region, one weighs two, three of four decide',
    submits: ['12', '12', '12'],
    weights: [2, 1, 1],
    threshold: 3,
    grain: 'coarse',
  },
  { ...PLAIN, name: 'an origin that lies, both contents elsewhere', submits: ['', '12', '12'], lies: [['1', '2', 'f'], [], []], grain: 'coarse' },
  { ...PLAIN, name: 'an origin that lies, and plain posts', submits: ['', '12', ''], lies: [['1', '2', 'f'], [], []], posts: true, grain: 'coarse' },
  FORKED,
];

/** Larger ones: minutes. */
export const FULL: readonly Scenario[] = [
  { ...TWO, name: 'two contents at two regions and plain posts, every message and every crash by itself', posts: true },
  { ...PLAIN, name: 'both contents and another receipt at every region', submits: ['12f', '12f', '12f'], grain: 'coarse' },
  { ...PLAIN, name: 'another receipt in two logs, and plain posts', submits: ['1f', '2f', ''], posts: true, grain: 'coarse' },
  { ...PLAIN, name: 'two origins that lie', submits: ['', '', '12'], lies: [['1', '2'], ['1', '2'], []], grain: 'coarse' },
  { ...PLAIN, name: 'an origin that lies in any way, of two entries', submits: ['', '2', ''], lies: [anyLogs(), [], []], grain: 'coarse' },
];

/** A simplification, where it is looked for, and what it breaks: all of it, in this order of steps needed. */
export interface Plant {
  readonly planted: Planted;
  readonly scenario: Scenario;
  readonly breaks: readonly Invariant[];
}

/** A log with an entry that two regions refuse and one that nobody does. */
const REFUSED_TWICE: Scenario = { ...PLAIN, name: 'an entry that two regions refuse, and another', submits: ['1f', '2', '2'], grain: 'coarse' };

const UNSOUND: readonly Invariant[] = [SIGNED_IS_DURABLE, ONE_CERTIFICATE, ONE_QUORUM];

/** Each simplification where it shows in the fewest states. */
export const PLANTS: readonly Plant[] = [
  { planted: "refused lines only for this batch's entries", scenario: TWO, breaks: UNSOUND },
  { planted: 'the line sent only to the region that refused', scenario: REFUSED_TWICE, breaks: [PROGRESS] },
  { planted: 'cosigning without the line', scenario: TWO, breaks: UNSOUND },
  { planted: 'cosigning a smaller size', scenario: { ...TWO, submits: ['1f', '2', ''] }, breaks: [NEVER_SMALLER] },
  { planted: 'no new text for a line', scenario: REFUSED_TWICE, breaks: [PROGRESS] },
  { planted: 'first content looked up outside the turn', scenario: TWO, breaks: UNSOUND },
  { planted: 'refusals forgotten in a restart', scenario: TWO, breaks: UNSOUND },
  { planted: 'signed before durable', scenario: TWO, breaks: UNSOUND },
  { planted: 'a verifier that does not read the lines', scenario: TWO, breaks: [ONE_CERTIFICATE] },
];

function anyLogs(): readonly string[] {
  const entries = ['1', '2', 'f'];
  return [...entries, ...entries.flatMap((first) => entries.map((second) => first + second))];
}

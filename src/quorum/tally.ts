import { type Roster, totalWeight } from './roster.ts';

/** `lost`: so much weight has finally refused that the threshold is out of reach. */
export type Verdict = 'pending' | 'reached' | 'lost';

/** What one remote has said of one receipt so far; `undefined` is "nothing yet". */
export type Word = 'acknowledged' | 'refused' | undefined;

/** What the words so far come to. */
export interface Tally {
  readonly verdict: Verdict;
  /** Weight that has it on stable storage. */
  readonly weight: number;
  /** Regions that have it, observers and the local one included. */
  readonly synced: number;
}

/**
 * Adds up one receipt. The local region counts because nobody tallies before its own fsync returned (DESIGN law 1).
 * `words[i]` is the word of `roster.remotes[i]`.
 */
export function tally(roster: Roster, words: readonly Word[]): Tally {
  let weight = roster.localWeight;
  let refused = 0;
  let synced = 1;
  for (const [n, remote] of roster.remotes.entries()) {
    if (words[n] === 'refused') refused += remote.weight;
    if (words[n] !== 'acknowledged') continue;
    weight += remote.weight;
    synced += 1;
  }
  if (weight >= roster.threshold) return { verdict: 'reached', weight, synced };
  return { verdict: totalWeight(roster) - refused < roster.threshold ? 'lost' : 'pending', weight, synced };
}

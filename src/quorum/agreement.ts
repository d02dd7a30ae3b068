import { type Roster, totalWeight } from './roster.ts';

/** A content that a region refuses, in hex, and where it stands: the region whose log that is, and its place there. */
export interface RefusedDigest {
  readonly digest: string;
  readonly region: string;
  readonly index: number;
}

/** What one region answered when asked afresh; digests in hex. */
export type Testimony =
  | { readonly kind: 'held'; readonly digest: string; readonly refused: readonly RefusedDigest[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreachable' };

export type RegionState = 'confirmed' | 'missing' | 'conflict' | 'unreachable';

/** SPEC §6, over all regions. */
export interface Agreement {
  readonly verdict: 'confirmed' | 'pending' | 'conflict' | 'unknown';
  /** Weight that holds the digest in question and does not refuse it. */
  readonly weight: number;
  /** The local region's state, then one per remote in configured order. */
  readonly states: readonly RegionState[];
}

/**
 * Judges the testimonies (`[0]` the local region's, then the remotes' in configured order). The digest in question is the
 * local one; where the local region holds none, the one with the most weight behind it.
 */
export function agree(roster: Roster, testimonies: readonly Testimony[]): Agreement {
  const weights = [roster.localWeight, ...roster.remotes.map((remote) => remote.weight)];
  const digest = digestInQuestion(testimonies, weights);
  const states = testimonies.map((testimony) => stateFor(testimony, digest));
  const sum = (state: RegionState): number => states.reduce((total, each, n) => total + (each === state ? (weights[n] ?? 0) : 0), 0);
  const weight = sum('confirmed');
  const verdict = (): Agreement['verdict'] => {
    if (weight >= roster.threshold) return 'confirmed';
    if (sum('conflict') > totalWeight(roster) - roster.threshold || states[0] === 'conflict') return 'conflict';
    return weight + sum('missing') >= roster.threshold ? 'pending' : 'unknown';
  };
  return { verdict: verdict(), weight, states };
}

function digestInQuestion(testimonies: readonly Testimony[], weights: readonly number[]): string | undefined {
  if (testimonies[0]?.kind === 'held') return testimonies[0].digest;
  const behind = new Map<string, number>();
  for (const [n, testimony] of testimonies.entries()) {
    if (testimony.kind === 'held') behind.set(testimony.digest, (behind.get(testimony.digest) ?? 0) + (weights[n] ?? 0));
  }
  return [...behind].sort(([, a], [, b]) => b - a)[0]?.[0];
}

function stateFor(testimony: Testimony, digest: string | undefined): RegionState {
  if (testimony.kind !== 'held') return testimony.kind;
  if (testimony.digest !== digest) return 'conflict';
  return testimony.refused.some((refused) => refused.digest === testimony.digest) ? 'conflict' : 'confirmed';
}

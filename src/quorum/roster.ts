/** Whose word weighs how much. Weight 0 is an observer: it mirrors and never counts. */
export interface Roster {
  readonly threshold: number;
  readonly localWeight: number;
  /** In configured order. */
  readonly remotes: readonly { readonly regionId: string; readonly weight: number }[];
}

/** Sum of all weights, the local region's included. */
export function totalWeight(roster: Roster): number {
  return roster.remotes.reduce((sum, remote) => sum + remote.weight, roster.localWeight);
}

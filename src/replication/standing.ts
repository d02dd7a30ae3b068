import { OWN_LOG } from '../ports/log-store.ts';
import type { StoredReceipt } from '../ports/receipt-index.ts';
import type { Roster } from '../quorum/roster.ts';
import { tally } from '../quorum/tally.ts';
import type { FailureCode } from '../region/failure.ts';
import type { RegionLink } from './link.ts';

/**
 * How a receipt stands by what this region knows without asking. `conflict`: a remote holds another content under its id, whatever
 * the others said. `received`: it came from a remote, whose own log says who has it. `disabled`: sync is off.
 */
export type StandingState = 'quorum' | 'pending' | 'refused' | 'conflict' | 'received' | 'disabled';

/** A receipt's state, and the remotes that have refused it for good. */
export interface Standing {
  readonly state: StandingState;
  readonly refusedBy: readonly { readonly region: string; readonly code: FailureCode }[];
}

/** Adds up what the links know of an own receipt. */
export function standing(
  region: { readonly roster: Roster; readonly links: readonly RegionLink[]; readonly syncEnabled: boolean },
  stored: Pick<StoredReceipt, 'places'>,
): Standing {
  const { roster, links, syncEnabled } = region;
  const own = stored.places.find(({ log }) => log === OWN_LOG);
  if (own === undefined) return { state: 'received', refusedBy: [] };
  if (!syncEnabled) return { state: 'disabled', refusedBy: [] };
  const said = links.map((link) => link.said(own.index));
  const refusedBy = said.flatMap(({ refusal }, n) => (refusal === undefined ? [] : [{ region: roster.remotes[n]?.regionId ?? '', code: refusal.code }]));
  return { state: refusedBy.some(({ code }) => code === 'CONFLICT') ? 'conflict' : tallied(roster, said), refusedBy };
}

function tallied(roster: Roster, said: readonly ReturnType<RegionLink['said']>[]): StandingState {
  const { verdict } = tally(
    roster,
    said.map(({ word }) => word),
  );
  return verdict === 'reached' ? 'quorum' : verdict === 'lost' ? 'refused' : 'pending';
}

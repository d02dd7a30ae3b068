import { OWN_LOG } from '../ports/log-store.ts';
import type { StoredReceipt } from '../ports/receipt-index.ts';
import type { Roster } from '../quorum/roster.ts';
import { tally } from '../quorum/tally.ts';
import type { FailureCode } from '../region/failure.ts';
import type { RegionLink } from './link.ts';

/**
 * How a receipt stands by what this region knows without asking. `conflict`: there is another content under its id, in a remote or in
 * its log, whatever the others said. `received`: it came from a remote, whose own log says who has it. `disabled`: sync is off.
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
  stored: Pick<StoredReceipt, 'places' | 'refused'>,
): Standing {
  const { roster, links, syncEnabled } = region;
  const isTwofold = stored.refused.length > 0;
  const own = stored.places.filter(({ log }) => log === OWN_LOG);
  if (own.length === 0) return { state: isTwofold ? 'conflict' : 'received', refusedBy: [] };
  if (!syncEnabled) return { state: isTwofold ? 'conflict' : 'disabled', refusedBy: [] };
  // Nearly always one. Where it was appended again, the last place is what is waited for.
  const all = own.map(({ index }) => links.map((link) => link.said(index)));
  const refusedBy = (all.at(-1) ?? []).flatMap(({ refusal }, n) =>
    refusal === undefined ? [] : [{ region: roster.remotes[n]?.regionId ?? '', code: refusal.code }],
  );
  if (isTwofold || refusedBy.some(({ code }) => code === 'CONFLICT')) return { state: 'conflict', refusedBy };
  const states = all.map((said) => tallied(roster, said));
  return { state: states.find((state) => state === 'quorum') ?? states.at(-1) ?? 'pending', refusedBy };
}

function tallied(roster: Roster, said: readonly ReturnType<RegionLink['said']>[]): StandingState {
  const { verdict } = tally(
    roster,
    said.map(({ word }) => word),
  );
  return verdict === 'reached' ? 'quorum' : verdict === 'lost' ? 'refused' : 'pending';
}

import type { Clock } from '../ports/clock.ts';
import type { LogNumber } from '../ports/log-store.ts';
import type { Observer } from '../ports/observer.ts';
import type { Peer, Reading } from '../ports/peer.ts';
import type { ReceiptIndex } from '../ports/receipt-index.ts';
import { agree, type Testimony } from '../quorum/agreement.ts';
import type { Roster } from '../quorum/roster.ts';
import type { RegionVerification, Verification } from '../region/sync-result.ts';
import { toHex } from '../std/bytes.ts';
import { within } from './exchange.ts';

/** What it takes to ask every region. `peers[i]` speaks to `roster.remotes[i]`. */
export interface VerifyParts {
  readonly regionId: string;
  readonly roster: Roster;
  readonly peers: readonly { readonly peer: Peer; readonly timeoutMs: number }[];
  readonly index: Pick<ReceiptIndex, 'get'>;
  /** The region whose log is mirrored under a number. */
  readonly originOf: (log: LogNumber) => string | undefined;
  readonly clock: Clock;
  readonly observe: Observer;
  readonly signal: AbortSignal;
}

/** Asks every region afresh what it holds under the id, the local store included (SPEC §6). Networks fail as `unreachable`. */
export async function verify(parts: VerifyParts, receiptId: string): Promise<Verification> {
  const { clock, signal } = parts;
  const asked = parts.peers.map(({ peer, timeoutMs }) =>
    within<Reading>(clock, { timeoutMs, signal, ask: (abort) => peer.read(receiptId, abort), otherwise: (failure) => ({ kind: 'failed', failure }) }),
  );
  const testimonies = [await localTestimony(parts, receiptId), ...(await Promise.all(asked)).map(testimonyOf)];
  const { verdict, weight, states } = agree(parts.roster, testimonies);
  const names = [parts.regionId, ...parts.roster.remotes.map((remote) => remote.regionId)];
  const regions = names.map((region, n): RegionVerification => {
    const testimony = testimonies[n];
    const state = states[n] ?? 'unreachable';
    if (testimony?.kind !== 'held') return { region, state };
    const { digest, refused } = testimony;
    return { region, state, digest, ...(refused.length === 0 ? {} : { refused }) };
  });
  const confirmed = states.filter((state) => state === 'confirmed').length;
  parts.observe({ kind: 'verified', receiptId, confirmed, total: names.length, verdict });
  return { verdict, weight, threshold: parts.roster.threshold, regions };
}

/** The local copy counts only if its content still has its digest: `get` recomputes it. A store that can't be read is unreachable. */
async function localTestimony({ index, originOf, regionId }: VerifyParts, receiptId: string): Promise<Testimony> {
  try {
    const stored = await index.get(receiptId);
    if (stored === undefined) return { kind: 'missing' };
    const refused = stored.refused.map((entry) => ({ digest: toHex(entry.digest), region: originOf(entry.log) ?? regionId, index: entry.index }));
    return { kind: 'held', digest: toHex(stored.digest), refused };
  } catch {
    return { kind: 'unreachable' };
  }
}

function testimonyOf(reading: Reading): Testimony {
  if (reading.kind === 'held')
    return { kind: 'held', digest: toHex(reading.digest), refused: reading.refused.map((entry) => ({ ...entry, digest: toHex(entry.digest) })) };
  return { kind: reading.kind === 'missing' ? 'missing' : 'unreachable' };
}

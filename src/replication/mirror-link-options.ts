import type { MirrorWord } from '../log/mirror-answer.ts';
import type { Clock } from '../ports/clock.ts';
import type { MirrorHeaders, Peer } from '../ports/peer.ts';
import type { SigningRegion } from '../quorum/cluster-policy.ts';
import type { Failure } from '../region/failure.ts';
import type { Checkpoints, OwnText } from './checkpoints.ts';
import type { MirrorCalls } from './mirror-calls.ts';
import type { OwnGroups, Stretch } from './own-groups.ts';
import type { ReachOptions } from './reach.ts';

/** Entries that a mirror refuses, lowest first. */
export type RefusedRanges = (MirrorWord & { readonly kind: 'refuses' })['ranges'];

export interface MirrorLinkOptions extends ReachOptions {
  readonly timeoutMs: number;
  readonly peer: Peer;
  readonly remote: SigningRegion;
  readonly checkpoints: Checkpoints;
  readonly groups: OwnGroups;
  /** The root that the own log had at a size. */
  readonly rootAt: (size: number) => Promise<Uint8Array>;
  /** Is what was read from the store what was stored? Rejects if not. */
  readonly checkStretch: (stretch: Stretch) => Promise<void>;
  readonly headers: MirrorHeaders;
  readonly clock: Clock;
  readonly calls: MirrorCalls;
  /** A larger text was cosigned: entries from `from` to its end are on this remote's stable storage. */
  readonly onCosigned: (from: number, text: Pick<OwnText, 'size' | 'refused'>) => void;
  /** Is it out of the count for an entry that it does not refuse, because lines were joined? */
  readonly isOut: (index: number) => boolean;
  /** Entries that the remote refuses and no text of ours names yet; false where that could not be made durable. */
  readonly onRefused: (ranges: RefusedRanges) => Promise<boolean>;
  /** The remote says that it holds more of our log than this: asks it for proof, and says why it is not believed. */
  readonly disproved: (ownSize: () => number, signal: AbortSignal) => Promise<Failure | undefined>;
  /** Do the others alone make the quorum of all entries below this size? Then nobody waits for this remote's word in particular. */
  readonly isReachedByOthers: (size: number) => boolean;
}

import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import type { EvidenceFiles } from '../ports/evidence-files.ts';
import type { LogStore } from '../ports/log-store.ts';
import type { Observer } from '../ports/observer.ts';
import type { Peer } from '../ports/peer.ts';
import type { ReceiptIndex } from '../ports/receipt-index.ts';
import type { Signing } from './evidence.ts';

/** What a region is told to be. `MultiRegionConfig` has all of it. */
export interface RegionSettings {
  readonly region: string;
  readonly weight: number;
  readonly crossRegionSyncEnabled: boolean;
  readonly regions: readonly { readonly regionId: string; readonly weight: number; readonly timeoutMs: number }[];
  readonly quorumThreshold: number;
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
  readonly exclusive: boolean;
  /** Less may wait than production has room for: the simulator's, which has few callers. */
  readonly bounds?: Bounds | undefined;
}

/** What may wait at once; whoever comes beyond that is told to come back. */
export interface Bounds {
  /** Callers that wait for remotes. */
  readonly callersMax: number;
  /** Entries that wait for a turn. */
  readonly entriesMax: number;
}

/** The world a region runs in. The daemon, the library and the simulator each bring their own. */
export interface RegionPorts {
  readonly store: LogStore & ReceiptIndex;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly observe: Observer;
  /** A way to speak to each configured remote, by its id. */
  readonly peer: (regionId: string) => Peer;
  /** What this region signs with, and who else does; without it the plain protocol alone is spoken. */
  readonly signing?: Signing | undefined;
  /** Where evidence of forks is kept. */
  readonly files: EvidenceFiles;
}

import { recordedAtMs } from '../log/entry.ts';
import type { Roster } from '../quorum/roster.ts';
import type { HealthReport, RegionSyncStatus } from '../region/sync-result.ts';
import { rfc3339 } from '../std/time.ts';
import type { Alarm } from './alarms.ts';
import type { StoreState } from './commit.ts';
import type { RegionLink } from './link.ts';
import type { Tail } from './tail.ts';

/** What `/api/v1/status` shows of the region as a whole. */
export interface RegionOverview {
  readonly region: string;
  readonly threshold: number;
  readonly weight: number;
  readonly reachableWeight: number;
  readonly receipts: number;
  /** Entries of mirrored logs that this region refuses, and own ones that remotes do: ids with two contents (SPEC §4). */
  readonly conflicts: number;
  readonly store: StoreState;
  /** Those that stand. */
  readonly alarms: readonly Alarm[];
}

/** The local region's weight, and that of the remotes that are there. */
export function reachableWeight(roster: Roster, links: readonly RegionLink[]): number {
  return roster.remotes.reduce((sum, { weight }, n) => sum + (links[n]?.isAvailable() === true ? weight : 0), roster.localWeight);
}

/** What `/health` says of the region: local facts, never a question to others (DESIGN law 9). */
export function healthOf(region: {
  readonly roster: Roster;
  readonly links: readonly RegionLink[];
  /** As configured: there may be no links. */
  readonly remotes: number;
  readonly store: StoreState;
  readonly isForgotten: boolean;
}): HealthReport {
  const { roster, links, remotes: regionsTotal, store, isForgotten } = region;
  // Without sync there is nobody to be away.
  const others = isForgotten ? 0 : regionsTotal - links.length;
  const regionsAvailable = links.filter((link) => link.isAvailable()).length + others;
  const quorumStatus = reachableWeight(roster, links) >= roster.threshold;
  const isHealthy = quorumStatus && regionsAvailable === regionsTotal;
  return { status: store !== 'ok' ? 'unhealthy' : isHealthy ? 'healthy' : 'degraded', regionsAvailable, regionsTotal, quorumStatus };
}

/** What is known of one remote; where sync is off there is no link, and nobody to be away. */
export async function linkStatus(regionId: string, link: RegionLink | undefined, tail: Tail): Promise<RegionSyncStatus> {
  if (link === undefined) {
    return { regionId, isAvailable: true, failureCount: 0, lastSyncTimestamp: null, circuit: 'closed', owedCount: 0, owedSince: null, lastError: null };
  }
  const { circuit, state, lastSyncMs, lastError, owedCount, owedFrom } = link.status();
  const since = owedFrom === undefined ? undefined : await tail.recordedAt(owedFrom).catch(() => undefined);
  return {
    regionId,
    isAvailable: circuit.kind === 'closed',
    failureCount: circuit.failures,
    lastSyncTimestamp: lastSyncMs === undefined ? null : Math.floor(lastSyncMs / 1000),
    circuit: state,
    owedCount,
    owedSince: since === undefined ? null : rfc3339(recordedAtMs(since)),
    lastError: lastError === undefined ? null : { code: lastError.code, message: lastError.message },
  };
}

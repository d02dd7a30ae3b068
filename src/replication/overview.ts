import { recordedAtMs } from '../log/entry.ts';
import type { RegionSyncStatus } from '../region/sync-result.ts';
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
  readonly store: StoreState;
  /** Those that stand. */
  readonly alarms: readonly Alarm[];
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

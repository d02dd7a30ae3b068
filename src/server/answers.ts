import { problemJson, problemOf } from '../adapters/http/problem.ts';
import type { RegionSyncStatus, SyncResult, Verification } from '../region/sync-result.ts';
import type { RegionOverview } from '../replication/overview.ts';
import { alarmJson } from './alarm-routes.ts';

/** What one receipt is answered with: an HTTP status and a JSON object. */
export interface ItemAnswer {
  readonly status: number;
  readonly json: string;
}

/** 201 quorum; 200 the same was known and has its quorum; 202 durable here, and not (yet) a quorum (CONTRACT §4). */
export function resultStatus(result: SyncResult): number {
  if (!result.quorumAchieved) return 202;
  return result.duplicate ? 200 : 201;
}

export function resultAnswer(result: SyncResult): ItemAnswer {
  const { receiptId, digest, outcome, quorumAchieved, syncedRegions, totalRegions, weight, threshold, pending, errors } = result;
  // By hand: one of these per receipt, and most of it is numbers and our own words.
  const counts = `"synced_regions":${syncedRegions},"total_regions":${totalRegions},"weight":${weight},"threshold":${threshold}`;
  const rest = `"pending":${pending.length === 0 ? '[]' : JSON.stringify(pending)},"errors":${errors.length === 0 ? '[]' : JSON.stringify(errors)}`;
  const json = `{"receipt_id":${JSON.stringify(receiptId)},"digest":"${digest}","outcome":"${outcome}","quorum_achieved":${quorumAchieved},${counts},${rest}}`;
  return { status: resultStatus(result), json };
}

/** An item that failed: its problem. `receiptId` where it is known, `at` where it stands in an array. */
export function errorAnswer(error: unknown, receiptId?: string, at?: string): ItemAnswer {
  const what = problemOf(error, at);
  const json = problemJson(what);
  return { status: what.status, json: receiptId === undefined ? json : withFirst(json, `"receipt_id":${JSON.stringify(receiptId)}`) };
}

/** The item with its status, as arrays and streams carry it. A problem has it already. */
export function itemJson(answer: ItemAnswer): string {
  return answer.status >= 400 ? answer.json : withFirst(answer.json, `"status":${answer.status}`);
}

function withFirst(json: string, member: string): string {
  return `{${member},${json.slice(1)}`;
}

/** 201 if all have their quorum, 207 if one failed, else 202. */
export function arrayStatus(answers: readonly ItemAnswer[]): number {
  if (answers.some(({ status }) => status >= 400)) return 207;
  return answers.every(({ status }) => status === 200 || status === 201) ? 201 : 202;
}

export function verificationJson(receiptId: string, verification: Verification): string {
  const { verdict, weight, threshold, regions } = verification;
  return JSON.stringify({ receipt_id: receiptId, verdict, quorum: verdict === 'confirmed', weight, threshold, regions });
}

export function regionsOf(status: readonly RegionSyncStatus[]): readonly Record<string, unknown>[] {
  return status.map((region) => ({
    region_id: region.regionId,
    is_available: region.isAvailable,
    failure_count: region.failureCount,
    last_sync_timestamp: region.lastSyncTimestamp,
    circuit: region.circuit,
    owed_count: region.owedCount,
    owed_since: region.owedSince,
    last_error: region.lastError,
  }));
}

export function statusJson(overview: RegionOverview, status: readonly RegionSyncStatus[]): string {
  const { region, threshold, weight, reachableWeight, receipts, conflicts, store, alarms } = overview;
  return JSON.stringify({
    region,
    threshold,
    weight,
    reachable_weight: reachableWeight,
    receipts,
    conflicts,
    store,
    alarms: alarms.map(alarmJson),
    regions: regionsOf(status),
  });
}

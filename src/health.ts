import type { HealthReport } from './region/sync-result.ts';

/** What a health endpoint answers (source.md "Health Check Endpoint"). */
export const HealthStatus = {
  /** What is said when nothing is known. */
  degraded: (): HealthReport => ({ status: 'degraded', regionsAvailable: 0, regionsTotal: 0, quorumStatus: false }),
} as const;

/** The manager's health; never throws: what can't be asked is degraded. */
export async function healthCheck(manager: { getHealthStatus(): Promise<HealthReport> }): Promise<HealthReport> {
  try {
    return await manager.getHealthStatus();
  } catch {
    return HealthStatus.degraded();
  }
}

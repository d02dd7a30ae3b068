import { type ConfigIssue, InvalidConfigError } from '../errors.ts';
import type { MultiRegionConfig } from './multi-region-config.ts';
import { RegionConfig, type RegionConfigFields } from './region-config.ts';

const PREFIX = 'KGC_SIDECAR_';

/** The seed's sidecar settings, from its environment variables `KGC_SIDECAR_…` (CONTRACT §2). */
export class SidecarConfig {
  readonly #legacy: RegionConfig;

  private constructor(fields: RegionConfigFields) {
    this.#legacy = new RegionConfig(fields);
  }

  /** Throws InvalidConfigError naming the variable that can't be read, or that is missing. Empty list items are dropped. */
  static fromEnv(env: Readonly<Record<string, string | undefined>>): SidecarConfig {
    const issues: ConfigIssue[] = [];
    const say = (name: string, problem: string): void => {
      issues.push({ path: `${PREFIX}${name}`, message: `${PREFIX}${name} ${problem}` });
    };
    const text = (name: string): string => env[`${PREFIX}${name}`]?.trim() ?? '';
    const enabled = text('CROSS_REGION_SYNC_ENABLED').toLowerCase();
    if (!['', 'true', 'false', '1', '0'].includes(enabled)) say('CROSS_REGION_SYNC_ENABLED', 'must be true or false');
    const threshold = text('QUORUM_THRESHOLD');
    if (!/^[0-9]{0,9}$/.test(threshold)) say('QUORUM_THRESHOLD', 'must be a whole number');
    const crossRegionSyncEnabled = enabled === 'true' || enabled === '1';
    if (text('REGION') === '' && crossRegionSyncEnabled) say('REGION', 'must name the region while sync is enabled');
    if (issues.length > 0) throw new InvalidConfigError(issues);
    return new SidecarConfig({
      region: text('REGION'),
      primaryRegion: text('PRIMARY_REGION') === '' ? undefined : text('PRIMARY_REGION'),
      crossRegionSyncEnabled,
      receiptSyncEndpoints: endpointList(text('RECEIPT_SYNC_ENDPOINTS')),
      quorumThreshold: threshold === '' ? 1 : Number(threshold),
    });
  }

  toMultiRegionConfig(): MultiRegionConfig {
    return this.#legacy.toMultiRegionConfig();
  }
}

/** A comma-separated list; empty items are dropped. */
export function endpointList(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

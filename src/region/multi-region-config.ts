import { type ConfigIssue, InvalidConfigError } from '../errors.ts';
import { type Duration, durationMs } from '../std/duration.ts';
import { checkRegionId, checkWeight, isOpenHttp } from './checks.ts';
import { RemoteRegion, type RemoteRegionFields } from './remote-region.ts';

const RETRIES_MAX = 100;
const WAIT_MS_MAX = 2_147_483_647;

/** The plain form: everything but `region` has a default. */
export interface MultiRegionFields {
  readonly region: string;
  readonly primaryRegion?: string;
  readonly crossRegionSyncEnabled?: boolean;
  readonly regions?: readonly (RemoteRegion | RemoteRegionFields)[];
  readonly quorumThreshold?: number;
  readonly maxRetries?: number;
  readonly retryBackoff?: Duration;
  readonly dataDir?: string;
  readonly weight?: number;
  readonly cluster?: string;
  readonly keyFile?: string;
  readonly waitTimeout?: Duration;
  readonly exclusive?: boolean;
}

/** What one region is and whom it syncs with. Immutable, and the order of the `with…` does not matter. */
export class MultiRegionConfig {
  readonly region: string;
  readonly primaryRegion: string | undefined;
  readonly crossRegionSyncEnabled: boolean;
  readonly regions: readonly RemoteRegion[];
  /** Weight that makes a quorum, the local region's included. */
  readonly quorumThreshold: number;
  /** Retries after the first attempt. */
  readonly maxRetries: number;
  readonly retryBackoffMs: number;
  readonly dataDir: string;
  /** The local region's weight. */
  readonly weight: number;
  readonly cluster: string | undefined;
  readonly keyFile: string | undefined;
  /** How long `syncReceipt` waits where it is not told; undefined: as long as attempts are made. */
  readonly waitTimeoutMs: number | undefined;
  /** Refuse thresholds that can't exclude two contents. */
  readonly exclusive: boolean;

  constructor(region: string, fields: Omit<MultiRegionFields, 'region'> = {}) {
    this.region = region;
    this.primaryRegion = fields.primaryRegion;
    this.crossRegionSyncEnabled = fields.crossRegionSyncEnabled ?? false;
    this.regions = Object.freeze((fields.regions ?? []).map(asRemote));
    this.quorumThreshold = fields.quorumThreshold ?? 1;
    this.maxRetries = fields.maxRetries ?? 3;
    this.retryBackoffMs = durationMs(fields.retryBackoff ?? 1_000) ?? Number.NaN;
    this.dataDir = fields.dataDir ?? './receipt-sync-data';
    this.weight = fields.weight ?? 1;
    this.cluster = fields.cluster;
    this.keyFile = fields.keyFile;
    this.waitTimeoutMs = fields.waitTimeout === undefined ? undefined : (durationMs(fields.waitTimeout) ?? Number.NaN);
    this.exclusive = fields.exclusive ?? false;
    Object.freeze(this);
  }

  /** Takes the plain form. Unknown keys throw InvalidConfigError: they would be options that do nothing. */
  static from(fields: MultiRegionFields): MultiRegionConfig {
    const known = new Set(['region', ...Object.keys(new MultiRegionConfig('').#fields())]);
    const unknown = Object.keys(fields).filter((key) => !known.has(key));
    if (unknown.length > 0) throw new InvalidConfigError(unknown.map((key) => ({ path: key, message: `Unknown option ${key}` })));
    const { region, ...rest } = fields;
    return new MultiRegionConfig(region, rest);
  }

  addRegion(region: RemoteRegion): MultiRegionConfig {
    return this.#with({ regions: [...this.regions, region] });
  }

  withCrossRegionSync(crossRegionSyncEnabled: boolean): MultiRegionConfig {
    return this.#with({ crossRegionSyncEnabled });
  }

  withQuorumThreshold(quorumThreshold: number): MultiRegionConfig {
    return this.#with({ quorumThreshold });
  }

  withMaxRetries(maxRetries: number): MultiRegionConfig {
    return this.#with({ maxRetries });
  }

  withRetryBackoff(retryBackoff: Duration): MultiRegionConfig {
    return this.#with({ retryBackoff });
  }

  withPrimaryRegion(primaryRegion: string): MultiRegionConfig {
    return this.#with({ primaryRegion });
  }

  withDataDir(dataDir: string): MultiRegionConfig {
    return this.#with({ dataDir });
  }

  withWeight(weight: number): MultiRegionConfig {
    return this.#with({ weight });
  }

  withCluster(cluster: string): MultiRegionConfig {
    return this.#with({ cluster });
  }

  withKeyFile(keyFile: string): MultiRegionConfig {
    return this.#with({ keyFile });
  }

  withWaitTimeout(waitTimeout: Duration): MultiRegionConfig {
    return this.#with({ waitTimeout });
  }

  withExclusive(exclusive: boolean): MultiRegionConfig {
    return this.#with({ exclusive });
  }

  /** A designation only: who runs scheduled checks. No primary named: everybody is. */
  isPrimary(): boolean {
    return this.primaryRegion === undefined || this.primaryRegion === this.region;
  }

  /** The weight of all regions, the local one included. */
  totalWeight(): number {
    return this.regions.reduce((sum, remote) => sum + remote.weight, this.weight);
  }

  /** Throws InvalidConfigError with all that is wrong. While sync is disabled only the region's name is checked. */
  validate(): void {
    const issues = this.issues();
    if (issues.length > 0) throw new InvalidConfigError(issues);
  }

  issues(): readonly ConfigIssue[] {
    const name = checkRegionId(this.region, { path: 'region.id', empty: 'Region identifier cannot be empty' });
    if (!this.crossRegionSyncEnabled) return name;
    return [...name, ...this.#numberIssues(), ...this.#remoteIssues(), ...this.#thresholdIssues()];
  }

  /** What is allowed, but should be known: each says what it means. */
  warnings(): readonly string[] {
    return this.crossRegionSyncEnabled ? [...this.#quorumWarnings(), ...this.#transportWarnings()] : [];
  }

  #quorumWarnings(): readonly string[] {
    const { quorumThreshold } = this;
    const total = this.totalWeight();
    if (quorumThreshold <= this.weight) {
      return [`Quorum threshold ${quorumThreshold} is reached by the local region alone: a receipt may be lost with this one region`];
    }
    if (2 * quorumThreshold > total) return [];
    return [`Quorum threshold ${quorumThreshold} is at most half of the weight ${total}: two contents under one id can both reach it`];
  }

  #transportWarnings(): readonly string[] {
    return this.regions
      .filter(({ endpoint }) => isOpenHttp(endpoint))
      .map(
        ({ regionId, endpoint }) => `Endpoint of region ${regionId} is http beyond loopback (${endpoint}): anybody on the way can read and forge what it says`,
      );
  }

  #numberIssues(): readonly ConfigIssue[] {
    const issues = checkWeight(this.weight, { path: 'region.weight', who: `region ${this.region}` });
    if (this.maxRetries === 0) issues.push({ path: 'sync.maxRetries', message: 'Max retries must be at least 1' });
    else if (!isIntegerUpTo(this.maxRetries, RETRIES_MAX))
      issues.push({ path: 'sync.maxRetries', message: `Max retries must be an integer from 1 to ${RETRIES_MAX}` });
    if (!(this.retryBackoffMs > 0 && this.retryBackoffMs <= WAIT_MS_MAX))
      issues.push({ path: 'sync.retryBackoff', message: 'Retry backoff must be a duration > 0 of at most 24 days' });
    issues.push(...this.#keyIssues());
    const wait = this.waitTimeoutMs;
    if (wait !== undefined && !(wait <= WAIT_MS_MAX)) issues.push({ path: 'sync.waitTimeout', message: 'Wait timeout must be a duration of at most 24 days' });
    return issues;
  }

  /** Names in keys need the cluster's name, and whoever mirrors signs. */
  #keyIssues(): readonly ConfigIssue[] {
    const { keyFile, cluster } = this;
    const hasMirrors = this.regions.some(({ publicKey, logKey }) => publicKey !== undefined || logKey !== undefined);
    const issues: ConfigIssue[] = [];
    if (keyFile !== undefined && cluster === undefined) issues.push({ path: 'cluster', message: 'A region with a key file needs the name of its cluster' });
    if (hasMirrors && keyFile === undefined)
      issues.push({ path: 'region.keyFile', message: 'Remotes with keys are mirrored, and that takes a key file of our own' });
    return issues;
  }

  #remoteIssues(): readonly ConfigIssue[] {
    const issues = this.regions.flatMap((remote) => remote.issues());
    if (this.regions.length === 0) issues.push({ path: 'remotes', message: 'Cross-region sync enabled but no remote regions configured' });
    const seen = new Set<string>();
    for (const { regionId } of this.regions) {
      if (regionId === this.region) issues.push({ path: 'remotes', message: `Region ID ${regionId} is the local region` });
      if (seen.has(regionId)) issues.push({ path: 'remotes', message: `Duplicate region ID ${regionId}` });
      seen.add(regionId);
    }
    return issues;
  }

  #thresholdIssues(): readonly ConfigIssue[] {
    const path = 'sync.quorumThreshold';
    const { quorumThreshold } = this;
    const total = this.totalWeight();
    if (!isIntegerUpTo(quorumThreshold, Number.MAX_SAFE_INTEGER))
      return [{ path, message: quorumThreshold < 1 ? 'Quorum threshold must be at least 1' : 'Quorum threshold must be an integer' }];
    if (quorumThreshold > total) return [{ path, message: `Quorum threshold ${quorumThreshold} exceeds total regions ${total}` }];
    if (!this.exclusive || 2 * quorumThreshold > total) return [];
    return [{ path, message: `Quorum threshold ${quorumThreshold} is at most half of the weight ${total}, which exclusive forbids` }];
  }

  #fields(): { readonly [Key in keyof Omit<MultiRegionFields, 'region'>]-?: MultiRegionFields[Key] | undefined } {
    const { primaryRegion, crossRegionSyncEnabled, regions, quorumThreshold, maxRetries, retryBackoffMs: retryBackoff } = this;
    const { dataDir, weight, cluster, keyFile, waitTimeoutMs: waitTimeout, exclusive } = this;
    return {
      primaryRegion,
      crossRegionSyncEnabled,
      regions,
      quorumThreshold,
      maxRetries,
      retryBackoff,
      dataDir,
      weight,
      cluster,
      keyFile,
      waitTimeout,
      exclusive,
    };
  }

  #with(change: Partial<MultiRegionFields>): MultiRegionConfig {
    const fields = Object.entries({ ...this.#fields(), ...change }).filter(([, value]) => value !== undefined);
    return new MultiRegionConfig(this.region, Object.fromEntries(fields));
  }
}

function asRemote(remote: RemoteRegion | RemoteRegionFields): RemoteRegion {
  return remote instanceof RemoteRegion ? remote : new RemoteRegion(remote.regionId, remote.endpoint, remote);
}

function isIntegerUpTo(value: unknown, most: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most;
}

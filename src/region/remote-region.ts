import { type ConfigIssue, InvalidConfigError } from '../errors.ts';
import { type Duration, durationMs } from '../std/duration.ts';
import { checkRegionId, checkWeight } from './checks.ts';

const TIMEOUT_MS_DEFAULT = 5_000;
/** setTimeout's own limit, about 24 days. */
const TIMEOUT_MS_MAX = 2_147_483_647;

/** The plain form of a remote region: what `MultiRegionConfig.from` takes. */
export interface RemoteRegionFields {
  readonly regionId: string;
  readonly endpoint: string;
  readonly timeout?: Duration;
  readonly weight?: number;
  readonly publicKey?: string;
  readonly logKey?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
}

/** Another region and how it is reached. Immutable: each `with…` returns a new one. */
export class RemoteRegion {
  readonly regionId: string;
  /** http(s) URL, perhaps with a path; `/receipt-sync` is added to it. */
  readonly endpoint: string;
  /** Over the whole exchange; NaN where what was given is no duration. */
  readonly timeoutMs: number;
  /** Counts towards the quorum; 0 is an observer. */
  readonly weight: number;
  /** The remote's cosigner key: with it the mirror protocol is spoken. */
  readonly publicKey: string | undefined;
  readonly logKey: string | undefined;
  /** The first line of this file is the bearer token that the remote wants from us. */
  readonly tokenFile: string | undefined;
  /** PEM file of the authority that signed the remote's TLS certificate. */
  readonly caFile: string | undefined;

  constructor(regionId: string, endpoint: string, fields: Omit<RemoteRegionFields, 'regionId' | 'endpoint'> = {}) {
    this.regionId = regionId;
    this.endpoint = endpoint;
    this.timeoutMs = durationMs(fields.timeout ?? TIMEOUT_MS_DEFAULT) ?? Number.NaN;
    this.weight = fields.weight ?? 1;
    this.publicKey = fields.publicKey;
    this.logKey = fields.logKey;
    this.tokenFile = fields.tokenFile;
    this.caFile = fields.caFile;
    Object.freeze(this);
  }

  withTimeout(timeout: Duration): RemoteRegion {
    return this.#with({ timeout });
  }

  withWeight(weight: number): RemoteRegion {
    return this.#with({ weight });
  }

  withPublicKey(publicKey: string): RemoteRegion {
    return this.#with({ publicKey });
  }

  withLogKey(logKey: string): RemoteRegion {
    return this.#with({ logKey });
  }

  withTokenFile(tokenFile: string): RemoteRegion {
    return this.#with({ tokenFile });
  }

  withCaFile(caFile: string): RemoteRegion {
    return this.#with({ caFile });
  }

  /** Throws InvalidConfigError with all that is wrong. */
  validate(): void {
    const issues = this.issues();
    if (issues.length > 0) throw new InvalidConfigError(issues);
  }

  /** All that is wrong, in the source's words where it has some. */
  issues(): readonly ConfigIssue[] {
    const { regionId, endpoint, timeoutMs, weight } = this;
    const path = `remotes.${regionId}`;
    const issues = [...checkRegionId(regionId, { path, empty: 'Region ID cannot be empty' }), ...checkWeight(weight, { path, who: `region ${regionId}` })];
    const say = (message: string): number => issues.push({ path, message });
    if (endpoint === '') say(`Endpoint cannot be empty for region ${regionId}`);
    else if (!isHttpUrl(endpoint)) say(`Endpoint is no http(s) URL for region ${regionId}: ${String(endpoint).slice(0, 200)}`);
    if (timeoutMs === 0) say(`Timeout must be > 0 for region ${regionId}`);
    else if (!(timeoutMs <= TIMEOUT_MS_MAX)) say(`Timeout is no duration of at most 24 days for region ${regionId}`);
    // With one of them a region could cosign and not be mirrored, or the reverse: neither is a protocol.
    if ((this.publicKey === undefined) !== (this.logKey === undefined))
      say(`Region ${regionId} has only one of publicKey and logKey: give both, or none for the plain protocol`);
    return issues;
  }

  #with(change: Partial<RemoteRegionFields>): RemoteRegion {
    const { regionId, endpoint, timeoutMs: timeout, weight, publicKey, logKey, tokenFile, caFile } = this;
    const fields = { timeout, weight, publicKey, logKey, tokenFile, caFile, ...change };
    return new RemoteRegion(regionId, endpoint, withoutAbsent(fields));
  }
}

/** exactOptionalPropertyTypes: an absent field is left out, not set to undefined. */
function withoutAbsent(
  fields: { readonly [Key in keyof RemoteRegionFields]?: RemoteRegionFields[Key] | undefined },
): Omit<RemoteRegionFields, 'regionId' | 'endpoint'> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Without credentials, query or fragment: none of them would reach the remote as meant. */
function isHttpUrl(endpoint: unknown): boolean {
  if (typeof endpoint !== 'string') return false;
  const url = URL.parse(endpoint);
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:') && url.username + url.password + url.search + url.hash === '';
}

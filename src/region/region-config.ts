import { MultiRegionConfig } from './multi-region-config.ts';
import { RemoteRegion } from './remote-region.ts';

/** The seed's first configuration: endpoints without names. */
export interface RegionConfigFields {
  readonly region: string;
  readonly primaryRegion?: string | undefined;
  readonly crossRegionSyncEnabled: boolean;
  readonly receiptSyncEndpoints: readonly string[];
  readonly quorumThreshold: number;
}

/** Legacy configuration (source.md "From Legacy Config"): its regions get their names from their endpoints. */
export class RegionConfig {
  readonly region: string;
  readonly primaryRegion: string | undefined;
  readonly crossRegionSyncEnabled: boolean;
  readonly receiptSyncEndpoints: readonly string[];
  readonly quorumThreshold: number;

  constructor(fields: RegionConfigFields) {
    this.region = fields.region;
    this.primaryRegion = fields.primaryRegion;
    this.crossRegionSyncEnabled = fields.crossRegionSyncEnabled;
    this.receiptSyncEndpoints = Object.freeze([...fields.receiptSyncEndpoints]);
    this.quorumThreshold = fields.quorumThreshold;
    Object.freeze(this);
  }

  toMultiRegionConfig(): MultiRegionConfig {
    const ids = legacyRegionIds(this.region, this.receiptSyncEndpoints);
    return new MultiRegionConfig(this.region, {
      crossRegionSyncEnabled: this.crossRegionSyncEnabled,
      quorumThreshold: this.quorumThreshold,
      regions: this.receiptSyncEndpoints.map((endpoint, n) => new RemoteRegion(ids[n] ?? '', endpoint)),
      ...(this.primaryRegion === undefined ? {} : { primaryRegion: this.primaryRegion }),
    });
  }
}

/**
 * One id per endpoint, never the same twice: the host's first label; `host:port` for an address or a single label; on a
 * collision the whole `host:port`, then `-2`, `-3`, …
 */
export function legacyRegionIds(localRegion: string, endpoints: readonly string[]): readonly string[] {
  const urls = endpoints.map((endpoint) => URL.parse(endpoint));
  const labels = urls.map((url) => (url === null ? '' : firstLabel(url)));
  const taken = new Set([localRegion]);
  return urls.map((url, n) => {
    if (url === null) return `endpoint-${n + 1}`;
    const label = labels[n] ?? '';
    const isShared = label === localRegion || labels.some((other, m) => m !== n && other === label);
    return untaken(isShared ? hostPort(url) : label, taken);
  });
}

function firstLabel(url: URL): string {
  const { hostname } = url;
  const isAddress = hostname.startsWith('[') || /^[0-9.]+$/.test(hostname);
  const [label, ...rest] = hostname.split('.');
  return isAddress || rest.length === 0 || label === undefined ? hostPort(url) : label;
}

function hostPort(url: URL): string {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return `${url.hostname}:${port}`;
}

function untaken(id: string, taken: Set<string>): string {
  let free = id;
  for (let n = 2; taken.has(free); n += 1) free = `${id}-${n}`;
  taken.add(free);
  return free;
}

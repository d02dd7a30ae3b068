import { type ConfigIssue, InvalidConfigError, InvalidEvidenceError } from '../errors.ts';
import { mirrorName, regionOfOrigin } from '../log/names.ts';
import { toHex } from '../std/bytes.ts';
import { type Policy, parsePolicy } from '../tlog/policy.ts';
import { type KeyType, parseVerifierKey, TYPE_COSIGNATURE, TYPE_ED25519, type VerifierKey } from '../tlog/vkey.ts';
import { clusterPolicy, policyHash, RESERVED_NAME, type SigningRegion } from './cluster-policy.ts';

/** What a configuration says about who signs. */
export interface ClusterSettings {
  readonly cluster: string;
  readonly region: string;
  readonly weight: number;
  readonly quorumThreshold: number;
  readonly regions: readonly {
    readonly regionId: string;
    readonly weight: number;
    readonly publicKey: string | undefined;
    readonly logKey: string | undefined;
  }[];
}

/** All regions that sign, and the policy that they make. */
export interface Cluster {
  readonly own: SigningRegion;
  /** By region; those without keys speak the plain protocol. */
  readonly remotes: ReadonlyMap<string, SigningRegion>;
  /** Canonical (SPEC §5). */
  readonly policyText: string;
  readonly policyHash: string;
  readonly policy: Policy;
}

/** Reads the keys of a configuration. Throws InvalidConfigError with all that is wrong: malformed, another region's, or used twice. */
export function clusterOf(settings: ClusterSettings, keys: Pick<SigningRegion, 'logKey' | 'mirrorKey'>): Cluster {
  const own: SigningRegion = { region: settings.region, weight: settings.weight, ...keys };
  const issues: ConfigIssue[] = [];
  const remotes = new Map<string, SigningRegion>();
  for (const { regionId, weight, publicKey, logKey } of settings.regions) {
    if (publicKey === undefined || logKey === undefined) continue;
    const read = (field: 'publicKey' | 'logKey', text: string): VerifierKey | undefined => {
      const problem = (message: string): undefined =>
        void issues.push({ path: `remotes.${regionId}.${field}`, message: `${field} of region ${regionId}: ${message}` });
      return readKey(text, { cluster: settings.cluster, region: regionId, type: field === 'logKey' ? TYPE_ED25519 : TYPE_COSIGNATURE, problem });
    };
    const mirror = read('publicKey', publicKey);
    const log = read('logKey', logKey);
    if (mirror !== undefined && log !== undefined) remotes.set(regionId, { region: regionId, weight, mirrorKey: mirror, logKey: log });
  }
  const all = [own, ...remotes.values()];
  issues.push(...sharedKeys(all), ...reservedNames(all));
  if (issues.length > 0) throw new InvalidConfigError(issues);
  const policyText = clusterPolicy(all, settings.quorumThreshold);
  return { own, remotes, policyText, policyHash: policyHash(policyText), policy: parsePolicy(policyText) };
}

function readKey(
  text: string,
  wanted: { readonly cluster: string; readonly region: string; readonly type: KeyType; readonly problem: (message: string) => undefined },
): VerifierKey | undefined {
  const { cluster, region, type, problem } = wanted;
  try {
    const key = parseVerifierKey(text);
    if (key.type !== type) return problem(`a key of type ${key.type}, where one of type ${type} belongs`);
    const isOurs = type === TYPE_COSIGNATURE ? key.name === mirrorName({ cluster, region }) : isLogOf(key.name, { cluster, region });
    return isOurs ? key : problem(`the key of ${key.name}, not of ${cluster}/${region}`);
  } catch (error) {
    if (!(error instanceof InvalidEvidenceError)) throw error;
    return problem(error.message);
  }
}

function isLogOf(origin: string, { cluster, region }: { readonly cluster: string; readonly region: string }): boolean {
  return origin.startsWith(`${cluster}/${region}/`) && regionOfOrigin(origin) === region;
}

function reservedNames(regions: readonly SigningRegion[]): readonly ConfigIssue[] {
  return regions
    .filter(({ region }) => region === RESERVED_NAME)
    .map(({ region }) => ({ path: 'region.id', message: `A region with keys can't be called ${region}: policies mean nobody by it` }));
}

/** A key that stands for two is one vote, or one log, too many. */
function sharedKeys(regions: readonly SigningRegion[]): readonly ConfigIssue[] {
  const seen = new Map<string, string>();
  return regions.flatMap(({ region, logKey, mirrorKey }) =>
    [logKey, mirrorKey].flatMap((key) => {
      const other = seen.get(toHex(key.publicKey));
      seen.set(toHex(key.publicKey), key.name);
      return other === undefined ? [] : [{ path: `remotes.${region}`, message: `${key.name} has the same public key as ${other}` }];
    }),
  );
}

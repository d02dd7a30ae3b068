import { writeFileSync } from 'node:fs';
import { newKeys } from '../adapters/signer-file.ts';
import { clusterPolicy } from '../quorum/cluster-policy.ts';
import { parseVerifierKey } from '../tlog/vkey.ts';

/** Names of keys where nobody gives the cluster one: `.internal` is nobody's (ICANN reserves it for private use). */
export const CLUSTER_DEFAULT = 'receipts.internal';

/** One region's keys: the file for the region itself, the public halves for everybody. */
export interface RegionKeys {
  readonly file: string;
  readonly publicKey: string;
  readonly logKey: string;
}

/** New keys for every region of a cluster. Throws InvalidConfigError for names that no key can have. */
export function newClusterKeys(cluster: string, regions: readonly string[]): ReadonlyMap<string, RegionKeys> {
  return new Map(
    regions.map((region) => {
      const { file, log, mirror } = newKeys({ cluster, region });
      return [region, { file, publicKey: mirror, logKey: log }] as const;
    }),
  );
}

/** The policy that they make with equal weights: what offline verification needs beside a certificate and its receipt. */
export function policyOf(keys: ReadonlyMap<string, RegionKeys>, threshold: number): string {
  const regions = [...keys].map(([region, { publicKey, logKey }]) => ({
    region,
    weight: 1,
    mirrorKey: parseVerifierKey(publicKey),
    logKey: parseVerifierKey(logKey),
  }));
  return clusterPolicy(regions, threshold);
}

/** Writes a key file that nobody else may read; one that is there is left as it is (EEXIST). */
export function writeKeyFile(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
}

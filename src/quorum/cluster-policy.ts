import { byBytes, sha256, toHex, utf8Bytes } from '../std/bytes.ts';
import { formatVerifierKey, type VerifierKey } from '../tlog/vkey.ts';

/** A region that signs. */
export interface SigningRegion {
  readonly region: string;
  readonly weight: number;
  /** `D/R/log/E`, type 0x01. */
  readonly logKey: VerifierKey;
  /** `D/R/mirror`, type 0x04. */
  readonly mirrorKey: VerifierKey;
}

const GROUP = 'regions';
/** The one name that tlog-policy keeps for itself. */
export const RESERVED_NAME = 'none';

/**
 * The canonical policy of a cluster (SPEC §5): names in byte order. With equal weights it is the plain C2SP form that any tool reads;
 * a region of weight 0 is a witness that no group counts.
 */
export function clusterPolicy(regions: readonly SigningRegion[], threshold: number): string {
  const sorted = [...regions].sort((a, b) => byBytes(a.region, b.region));
  const logs = sorted
    .map(({ logKey }) => logKey)
    .sort((a, b) => byBytes(a.name, b.name))
    .map((key) => `log ${formatVerifierKey(key)}`);
  const witnesses = sorted.map(({ region, mirrorKey }) => `witness ${region} ${formatVerifierKey(mirrorKey)}`);
  return `${[...logs, ...witnesses, ...quorumLines(sorted, threshold)].join('\n')}\n`;
}

/** What the header `receipt-sync-policy` carries: regions that disagree notice at once (SPEC §3.2). */
export function policyHash(policy: string): string {
  return toHex(sha256(utf8Bytes(policy)));
}

function quorumLines(regions: readonly SigningRegion[], threshold: number): readonly string[] {
  const counting = regions.filter(({ weight }) => weight > 0);
  const weight = counting[0]?.weight ?? 0;
  const needed = Math.ceil(threshold / weight);
  const isPlain = counting.every((region) => region.weight === weight) && needed >= 1 && needed <= counting.length;
  // Witnesses and groups share one namespace (tlog-policy): a region may be called so.
  let group = GROUP;
  while (regions.some(({ region }) => region === group)) group += '-';
  if (isPlain) return [`group ${group} ${needed} ${counting.map(({ region }) => region).join(' ')}`, `quorum ${group}`];
  return [...regions.map(({ region, weight: own }) => `weight ${region} ${own}`), `quorum weight ${threshold}`];
}

import { groupItems } from '../../src/log/group.ts';
import { isNamed, type LogText, parseLogText } from '../../src/log/log-text.ts';
import { OWN_LOG } from '../../src/ports/log-store.ts';
import { receiptDigest, receiptIdOf } from '../../src/receipt/canonical.ts';
import { toHex } from '../../src/std/bytes.ts';
import { isQuorum, type Policy } from '../../src/tlog/policy.ts';
import type { Host } from '../host.ts';
import { type Checker, Violation } from './checker.ts';

/**
 * R3, as a verifier would judge it that got hold of every cosignature ever made, whether or not it reached anybody: no two contents under
 * one id are certified, where the threshold is more than half of the weight.
 */
export function oneCertificate(): Checker {
  /** Who has cosigned a text. */
  const signed = new Map<string, Set<string>>();
  return {
    name: 'one id, one certificate',
    cosigned: (region, text) => {
      const regions = signed.get(text) ?? new Set();
      signed.set(text, regions.add(region));
    },
    finished: (hosts) => {
      const certified = new Map<string, string>();
      for (const { origin, receiptId, digest, index } of conflicting(hosts)) {
        if (!isCertifiedBy(signed, { origin, index })) continue;
        const before = certified.get(receiptId) ?? digest;
        certified.set(receiptId, digest);
        if (before !== digest) throw new Violation(`two contents of ${receiptId} can be certified`);
      }
    },
  };
}

interface OwnReceipt {
  readonly origin: Host;
  readonly index: number;
  readonly receiptId: string;
  /** Hex. */
  readonly digest: string;
}

/** Own receipts of regions that sign, where the policy promises one content and there are two of the id. */
function conflicting(hosts: readonly Host[]): readonly OwnReceipt[] {
  const all = hosts
    .filter(promises)
    .flatMap((origin) =>
      (origin.disk.groups.get(OWN_LOG) ?? []).flatMap(({ start, frame }) =>
        [...groupItems(frame)].flatMap(({ canonical }, n): readonly OwnReceipt[] =>
          canonical.length === 0 ? [] : [{ origin, index: start + n, receiptId: receiptIdOf(canonical), digest: toHex(receiptDigest(canonical)) }],
        ),
      ),
    );
  const digests = new Map<string, Set<string>>();
  for (const { receiptId, digest } of all) digests.set(receiptId, (digests.get(receiptId) ?? new Set()).add(digest));
  return all.filter(({ receiptId }) => (digests.get(receiptId)?.size ?? 0) > 1);
}

function promises({ settings, signing }: Host): boolean {
  const total = settings.regions.reduce((sum, { weight }) => sum + weight, settings.weight);
  return signing !== undefined && 2 * settings.quorumThreshold > total;
}

function isCertifiedBy(signed: ReadonlyMap<string, ReadonlySet<string>>, { origin, index }: Pick<OwnReceipt, 'origin' | 'index'>): boolean {
  const { signer, cluster } = origin.signing ?? {};
  if (signer === undefined || cluster === undefined) return false;
  for (const [text, regions] of signed) {
    const log = textOf(text);
    if (log.origin === signer.logKey.name && index < log.size && isEnough(cluster.policy, { log, regions, index })) return true;
  }
  return false;
}

function isEnough(policy: Policy, at: { readonly log: LogText; readonly regions: ReadonlySet<string>; readonly index: number }): boolean {
  return isQuorum(policy.quorum, new Set([...at.regions].filter((region) => !isNamed(at.log, region, at.index))));
}

const TEXTS = new Map<string, LogText>();

function textOf(text: string): LogText {
  const known = TEXTS.get(text) ?? parseLogText(text);
  if (TEXTS.size > 20_000) TEXTS.clear();
  TEXTS.set(text, known);
  return known;
}

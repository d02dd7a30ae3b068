import { commitment } from '../../src/log/entry.ts';
import { isNamed, parseLogText } from '../../src/log/log-text.ts';
import { cosigners, EXTRA_BYTES } from '../../src/quorum/certificate.ts';
import { logSigner } from '../../src/quorum/log-signature.ts';
import { canonicalBytes, receiptDigest } from '../../src/receipt/canonical.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { concatBytes } from '../../src/std/bytes.ts';
import { leafHash } from '../../src/tlog/hash.ts';
import { isQuorum, type Policy } from '../../src/tlog/policy.ts';
import { verifyInclusion } from '../../src/tlog/proof.ts';
import { parseTlogProof } from '../../src/tlog/tlog-proof.ts';
import { type Checker, Violation } from './checker.ts';

/** R2: every certificate that a region hands out proves what it says, to a verifier who has the receipt and the policy and nothing else (SPEC §5). */
export function handedOut(): Checker {
  return {
    name: 'a certificate proves its receipt',
    holdsBeyond: true,
    certified: ({ id, signing }, given) => {
      const problem = signing === undefined ? 'this region has no keys' : problemOf(signing.cluster.policy, given);
      if (problem !== undefined) throw new Violation(`${id} handed out a certificate of ${given.receipt.receiptId} that proves nothing: ${problem}`);
    },
    finished: () => undefined,
  };
}

function problemOf(policy: Policy, { receipt, certificate }: { readonly receipt: Receipt; readonly certificate: string }): string | undefined {
  const { extra, index, path, note } = parseTlogProof(certificate);
  const text = parseLogText(note.text);
  logSigner(policy, note, text);
  if (extra?.length !== EXTRA_BYTES) return 'no time and salt';
  const committed = commitment(extra.subarray(9), receiptDigest(canonicalBytes(receipt)));
  const leaf = leafHash(concatBytes([Uint8Array.of(1, 1), extra.subarray(1, 9), committed]));
  if (!verifyInclusion({ index, size: text.size, leaf, path }, text.root)) return 'it does not lead to the signed root';
  const counting = [...cosigners(policy, note.text, note.signatures)].filter((region) => !isNamed(text, region, index));
  return isQuorum(policy.quorum, new Set(counting)) ? undefined : `only ${counting.join(', ')} count for it`;
}

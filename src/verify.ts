import { type CertificateReport, checkCertificate } from './quorum/certificate.ts';
import { checkRange, type RangeReport } from './quorum/certified-range.ts';
import { checkForkEvidence, type ForkReport } from './quorum/fork-evidence.ts';
import { parseReceipt } from './receipt/parse.ts';
import type { Receipt } from './receipt/receipt.ts';
import { receiptFromJson } from './receipt/wire.ts';
import { utf8Bytes, utf8Text } from './std/bytes.ts';
import { linesOf } from './std/lines.ts';

export type { CertificateReport, Check, CheckName } from './quorum/certificate.ts';
export type { RangeCheck, RangeCheckName, RangeReport } from './quorum/certified-range.ts';
export type { ForkCheck, ForkCheckName, ForkReport } from './quorum/fork-evidence.ts';
export type { Receipt } from './receipt/receipt.ts';

/** A certificate, what it is said to certify, and whom to believe. */
export interface VerifyInput {
  /** A `.tlog-proof` file (C2SP tlog-proof). */
  readonly certificate: string | Uint8Array;
  /** The receipt, or its JSON (SPEC §1). */
  readonly receipt: Receipt | string | Uint8Array;
  /** A policy file (C2SP tlog-policy), got from somebody you trust. */
  readonly policy: string | Uint8Array;
}

/**
 * Verifies offline that a quorum of regions had this receipt on stable storage (SPEC §5). No input or output but its arguments; never
 * throws or rejects on bad input: whatever is wrong is a check that is not ok. Runs in Node.js and in browsers.
 */
export async function verifyCertificate({ certificate, receipt, policy }: VerifyInput): Promise<CertificateReport> {
  return checkCertificate({ certificate, policy, receipt: () => readReceipt(receipt) });
}

/** A file of all entries of a log in a span of time, and whom to believe. */
export interface VerifyRangeInput {
  /** What `export --certified` has written: all of it, or its bytes as they come. */
  readonly range: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** A policy file, got from somebody you trust. */
  readonly policy: string | Uint8Array;
  /** Told of every receipt in the range, in order, before it is known whether the whole verifies. */
  readonly onReceipt?: (receipt: Receipt, recordedAt: bigint) => void;
}

/**
 * Verifies offline that these are all entries of one log in a span of time. In bounded memory where the bytes come one after the other. Never throws on bad
 * input; rejects only with what the bytes reject with.
 */
export async function verifyCertifiedRange({ range, policy, onReceipt }: VerifyRangeInput): Promise<RangeReport> {
  const chunks = typeof range === 'string' ? [utf8Bytes(range)] : range instanceof Uint8Array ? [range] : range;
  return checkRange({ lines: linesOf(chunks), policy, onReceipt });
}

/** Evidence that a region has kept, and perhaps whom to believe. */
export interface VerifyForkInput {
  /** An `evidence/<sha256>.json` file (docs/spec "Evidence of a fork"). */
  readonly evidence: string | Uint8Array;
  /** A policy file, got from somebody you trust; without one the evidence names the log's key itself. */
  readonly policy?: string | Uint8Array;
}

/** Verifies offline that the key of a log has signed two histories. As `verifyCertificate`: never throws on bad input, runs in browsers. */
export async function verifyFork({ evidence, policy }: VerifyForkInput): Promise<ForkReport> {
  return checkForkEvidence(evidence, policy);
}

function readReceipt(receipt: VerifyInput['receipt']): Receipt {
  if (typeof receipt === 'string') return receiptFromJson(receipt);
  return receipt instanceof Uint8Array ? receiptFromJson(utf8Text(receipt) ?? '') : parseReceipt(receipt);
}

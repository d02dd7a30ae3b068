import { ReceiptSyncError } from '../errors.ts';
import { commitment, RECEIPT_ENTRY_BYTES, SALT_BYTES, writeReceiptEntry } from '../log/entry.ts';
import { isNamed, type LogText, logTextOf } from '../log/log-text.ts';
import { regionOfMirror } from '../log/names.ts';
import { canonicalBytes, receiptDigest } from '../receipt/canonical.ts';
import type { Receipt } from '../receipt/receipt.ts';
import { equalBytes, numbersIn } from '../std/bytes.ts';
import { isOf, verifyCosignature } from '../tlog/cosignature.ts';
import { leafHash } from '../tlog/hash.ts';
import type { NoteSignature } from '../tlog/note.ts';
import { isQuorum, type Policy, parsePolicy } from '../tlog/policy.ts';
import { inclusionRoot } from '../tlog/proof.ts';
import { type ParsedTlogProof, parseTlogProof } from '../tlog/tlog-proof.ts';
import type { VerifierKey } from '../tlog/vkey.ts';
import { logSigner } from './log-signature.ts';

/** `01 | u64 recorded_at | salt[16]`: what leads from the receipt to its entry (SPEC §5). */
export const EXTRA_BYTES: number = 1 + 8 + SALT_BYTES;
const EXTRA_VERSION = 1;

/** The steps of SPEC §5, in this order. */
export const CHECKS = ['policy', 'receipt', 'form', 'log', 'inclusion', 'cosignatures', 'quorum'] as const;
export type CheckName = (typeof CHECKS)[number];

/** One step, reported by itself. */
export interface Check {
  readonly name: CheckName;
  readonly ok: boolean;
  readonly detail: string;
}

/** What offline verification says. */
export interface CertificateReport {
  readonly valid: boolean;
  /** All steps, in order; one that could not be looked at because of another is not ok. */
  readonly checks: readonly Check[];
}

/** What is to be verified: text or bytes, and a receipt that somebody has read. */
export interface CertificateInput {
  readonly certificate: string | Uint8Array;
  /** Reads the receipt; what it throws is a failed check. */
  readonly receipt: () => Receipt;
  readonly policy: string | Uint8Array;
}

/** Verifies a certificate against a policy (SPEC §5). Never throws on bad input; no input or output but the arguments. */
export function checkCertificate(input: CertificateInput): CertificateReport {
  const checks = new Map<CheckName, Check>();
  const step = <T>(name: CheckName, look: () => readonly [T, string]): T | undefined => {
    try {
      const [result, detail] = look();
      checks.set(name, { name, ok: true, detail });
      return result;
    } catch (error) {
      // Whatever it is that was thrown, what it was thrown about is not verified.
      checks.set(name, { name, ok: false, detail: error instanceof Error ? error.message : String(error) });
      return undefined;
    }
  };
  const policy = step('policy', () => describedPolicy(parsePolicy(input.policy)));
  const digest = step('receipt', () => digestOf(input.receipt()));
  const read = step('form', () => readCertificate(input.certificate));
  if (read !== undefined) {
    if (policy !== undefined) step('log', () => checkLog(policy, read));
    if (digest !== undefined) step('inclusion', () => checkInclusion(digest, read));
    const signers = policy === undefined ? undefined : step('cosignatures', () => checkCosignatures(policy, read));
    if (policy !== undefined && signers !== undefined) step('quorum', () => checkQuorum(policy, read, signers));
  }
  const all = CHECKS.map((name) => checks.get(name) ?? { name, ok: false, detail: 'not looked at: a step before it failed' });
  return { valid: all.every(({ ok }) => ok), checks: all };
}

/** A certificate that has been read: nothing of it is verified. */
export interface ReadCertificate extends ParsedTlogProof {
  readonly log: LogText;
  readonly recordedAt: bigint;
  readonly salt: Uint8Array;
}

/** The bytes of `extra`. */
export function certificateExtra(recordedAt: bigint, salt: Uint8Array): Uint8Array {
  const extra = new Uint8Array(EXTRA_BYTES);
  extra[0] = EXTRA_VERSION;
  numbersIn(extra).setBigUint64(1, recordedAt);
  extra.set(salt, 9);
  return extra;
}

/** The regions that have signed this text, by name, each once; throws where a line of a known key does not verify. */
export function cosigners(policy: Policy, text: string, signatures: readonly NoteSignature[]): ReadonlySet<string> {
  const signed = new Set<string>();
  for (const [region, key] of policy.witnesses) {
    for (const line of signatures) {
      if (!isOf(key, line)) continue;
      if (!verifyCosignature(key, text, line)) throw invalid(`The cosignature of ${region} does not verify`);
      signed.add(region);
    }
  }
  return signed;
}

function describedPolicy(policy: Policy): readonly [Policy, string] {
  return [policy, `${policy.logs.length} logs, ${policy.witnesses.size} regions`];
}

function digestOf(receipt: Receipt): readonly [Uint8Array, string] {
  return [receiptDigest(canonicalBytes(receipt)), `receipt ${receipt.receiptId}`];
}

function readCertificate(certificate: string | Uint8Array): readonly [ReadCertificate, string] {
  const proof = parseTlogProof(certificate);
  const { extra } = proof;
  if (extra?.length !== EXTRA_BYTES || extra[0] !== EXTRA_VERSION) throw invalid('extra is not 01, a time and a salt of 16 bytes');
  const log = logTextOf(proof.checkpoint);
  if (proof.index >= log.size) throw invalid(`Entry ${proof.index} is not within a log of ${log.size}`);
  return [{ ...proof, log, recordedAt: numbersIn(extra).getBigUint64(1), salt: extra.subarray(9) }, `entry ${proof.index} of ${log.size}`];
}

function checkLog(policy: Policy, { log, note }: ReadCertificate): readonly [VerifierKey, string] {
  return [logSigner(policy, note, log), log.origin];
}

function checkInclusion(digest: Uint8Array, { index, path, log, recordedAt, salt }: ReadCertificate): readonly [true, string] {
  const entry = new Uint8Array(RECEIPT_ENTRY_BYTES);
  writeReceiptEntry(entry, 0, { recordedAt, commitment: commitment(salt, digest) });
  const root = inclusionRoot({ index, size: log.size, leaf: leafHash(entry), path });
  if (root === undefined) throw invalid('The path has not the length of its place');
  if (!equalBytes(root, log.root)) throw invalid('The receipt does not lead to the signed root');
  return [true, `${path.length} hashes to the signed root`];
}

function checkCosignatures(policy: Policy, { note }: ReadCertificate): readonly [ReadonlySet<string>, string] {
  const signed = cosigners(policy, note.text, note.signatures);
  if (signed.size === 0 && policy.quorum.kind !== 'none') throw invalid('No region that the policy knows has signed');
  return [signed, [...signed].join(', ')];
}

/** SPEC §4: whom a line of the text names for this entry does not count for it. */
function checkQuorum(policy: Policy, { log, index }: ReadCertificate, signers: ReadonlySet<string>): readonly [true, string] {
  const isTakenOut = (witness: string): boolean => {
    // What a policy calls a key is its own matter (tlog-policy); the region that a line names is that of the key's name.
    const region = regionOfMirror(policy.witnesses.get(witness)?.name ?? '');
    return isNamed(log, witness, index) || (region !== undefined && isNamed(log, region, index));
  };
  const counting = new Set([...signers].filter((witness) => !isTakenOut(witness)));
  if (!isQuorum(policy.quorum, counting)) throw invalid(`Not enough: ${[...counting].join(', ') || 'no region'}`);
  return [true, policy.quorum.kind === 'none' ? 'the policy asks for none' : [...counting].join(', ')];
}

function invalid(problem: string): ReceiptSyncError {
  return new ReceiptSyncError('INVALID_EVIDENCE', problem);
}

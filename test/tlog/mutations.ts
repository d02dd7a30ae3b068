import { Random } from '../../sim/random.ts';
import { ReceiptSyncError } from '../../src/errors.ts';
import { CHECKS, type CheckName, checkCertificate } from '../../src/quorum/certificate.ts';
import { parseReceipt } from '../../src/receipt/parse.ts';
import type { Receipt } from '../../src/receipt/receipt.ts';
import { toHex } from '../../src/std/bytes.ts';
import { isOf } from '../../src/tlog/cosignature.ts';
import { formatNote, type NoteSignature, parseNote } from '../../src/tlog/note.ts';
import { isQuorum, parsePolicy } from '../../src/tlog/policy.ts';
import { formatTlogProof, type ParsedTlogProof, parseTlogProof } from '../../src/tlog/tlog-proof.ts';
import { SAMPLES, sample, vectorText } from './vectors.ts';

/** What is verified: one of the three is not what it was. */
interface Mutant {
  readonly certificate: string;
  readonly receipt: unknown;
  readonly policy: string;
}

interface Good {
  readonly certificate: string;
  readonly proof: ParsedTlogProof;
  readonly receipt: Receipt;
  readonly policy: string;
}

/** What a run has come to. */
export interface MutationReport {
  readonly seed: number;
  readonly mutants: number;
  /** Mutants that differ in nothing that is read: not counted. */
  readonly same: number;
  /** By the first check that refused, in the order of the checks. */
  readonly refusedBy: ReadonlyMap<CheckName, number>;
  readonly verified: readonly Mutant[];
}

const KINDS: readonly ((good: Good, random: Random) => Mutant)[] = [
  text((certificate, random) => replaceAt(certificate, random.below(certificate.length), String.fromCharCode(32 + random.below(95)))),
  text((certificate, random) => flipBit(certificate, random)),
  lines((all, n) => all.toSpliced(n, 1)),
  lines((all, n) => all.toSpliced(n, 0, all[n] ?? '')),
  lines((all, n, random) => swap(all, n, random.below(all.length))),
  text((certificate, random) => certificate.slice(0, random.below(certificate.length))),
  proof((before, random) => ({ ...before, index: random.below(before.checkpoint.size + 2) })),
  proof((before, random) => ({ ...before, path: before.path.map((hash, n) => (n === random.below(before.path.length) ? flipped(hash, random) : hash)) })),
  proof((before, random) => ({ ...before, path: swap(before.path, random.below(before.path.length), random.below(before.path.length)) })),
  proof((before, random) => ({ ...before, extra: flipped(before.extra ?? new Uint8Array(1), random) })),
  proof((before, random) =>
    withSignatures(before, (all) => all.map((line, n) => (n === random.below(all.length) ? { ...line, signature: flipped(line.signature, random) } : line))),
  ),
  // Another region's key: a signature stands under the name of another one.
  proof((before, random) => withSignatures(before, (all) => all.map((line) => ({ ...line, signature: random.pick(all).signature })))),
  proof((before) => withSignatures(before, (all) => all.filter(({ name }, n) => n === 0 || name.includes('us-east-1')))),
  proof((before) => withSignatures(before, (all) => all.flatMap((line, n) => (n === 0 ? [line] : n === 1 ? [line, line, line] : [])))),
  proof((before, random) => withText(before, (note) => note.replace('us-east-1/log', `${random.pick(['us-west-1', 'us-east-2'])}/log`))),
  proof((before, random) => withText(before, (note) => note.replace(/\n\d+\n/, `\n${random.below(100_000)}\n`))),
  // The signed head of another log, or of an older tree of this one.
  (good, random) => ({
    ...good,
    certificate: formatTlogProof({ ...good.proof, note: parseNote(vectorText(random.pick(['log-1', 'log-256', 'log-257', 'log-600']), 'checkpoint')) }),
  }),
  // A good certificate, of another receipt.
  (good, random) => ({
    ...good,
    certificate: random.pick(SAMPLES.map(sample).filter(({ receipt }) => receipt.receiptId !== good.receipt.receiptId)).certificate,
  }),
  (good, random) => ({ ...good, receipt: changedReceipt(good.receipt, random) }),
  (good) => ({ ...good, policy: good.policy.replace('regions 2', 'regions 4') }),
  (good) => ({ ...good, policy: good.policy.replace(/^log .*\n/m, '') }),
  (good, random) => ({ ...good, policy: swapWitnessKeys(good.policy, random) }),
];

/** Makes `count` mutants of the samples that differ in what is read, and verifies each. */
export function mutate(seed: number, count: number): MutationReport {
  const random = new Random(seed);
  const goods = SAMPLES.map((name): Good => ({ ...sample(name), proof: parseTlogProof(sample(name).certificate) }));
  const refusedBy = new Map<CheckName, number>(CHECKS.map((check) => [check, 0]));
  const verified: Mutant[] = [];
  let same = 0;
  for (let made = 0; made < count; ) {
    const good = random.pick(goods);
    const mutant = random.pick(KINDS)(good, random);
    if (isSame(good, mutant)) {
      same += 1;
      continue;
    }
    made += 1;
    const { valid, checks } = checkCertificate({ ...mutant, receipt: () => parseReceipt(mutant.receipt) });
    const first = checks.find(({ ok }) => !ok)?.name;
    if (valid || first === undefined) verified.push(mutant);
    else refusedBy.set(first, (refusedBy.get(first) ?? 0) + 1);
  }
  return { seed, mutants: count, same, refusedBy, verified };
}

/** Reads it as a verifier does: what is not read, as the order of the signatures, makes no difference. */
function isSame(good: Good, mutant: Mutant): boolean {
  if (mutant.policy !== good.policy || mutant.receipt !== good.receipt) return false;
  const [before, after] = [meaningOf(good.certificate, good.policy), meaningOf(mutant.certificate, good.policy)];
  return before === after || (after !== undefined && isRedundant(good, mutant));
}

/** A valid certificate with a signature less is valid as long as the rest is enough. */
function isRedundant(good: Good, mutant: Mutant): boolean {
  const policy = parsePolicy(good.policy);
  const after = parseTlogProof(mutant.certificate);
  const bare = (proof: ParsedTlogProof): string =>
    JSON.stringify([toHex(proof.extra ?? new Uint8Array()), proof.index, proof.path.map(toHex), proof.note.text]);
  if (bare(good.proof) !== bare(after)) return false;
  const known = new Set(good.proof.note.signatures.map(lineOf));
  const left = after.note.signatures.filter((line) => [...policy.witnesses.values(), ...policy.logs].some((key) => isOf(key, line)));
  const regions = [...policy.witnesses].filter(([, key]) => left.some((line) => isOf(key, line))).map(([name]) => name);
  const hasLog = left.some((line) => policy.logs.some((key) => isOf(key, line)));
  return left.every((line) => known.has(lineOf(line))) && hasLog && isQuorum(policy.quorum, new Set(regions));
}

function meaningOf(certificate: string, policyText: string): string | undefined {
  try {
    const { extra, index, path, note } = parseTlogProof(certificate);
    const policy = parsePolicy(policyText);
    const known = note.signatures.filter((line) => [...policy.witnesses.values(), ...policy.logs].some((key) => isOf(key, line)));
    return JSON.stringify([extra === undefined ? null : toHex(extra), index, path.map(toHex), note.text, [...new Set(known.map(lineOf))].sort()]);
  } catch (error) {
    if (error instanceof ReceiptSyncError) return undefined;
    throw error;
  }
}

function lineOf({ name, keyId, signature }: NoteSignature): string {
  return `${name} ${keyId} ${toHex(signature)}`;
}

function text(change: (certificate: string, random: Random) => string): (good: Good, random: Random) => Mutant {
  return (good, random) => ({ ...good, certificate: change(good.certificate, random) });
}

function lines(change: (all: readonly string[], n: number, random: Random) => readonly string[]): (good: Good, random: Random) => Mutant {
  return text((certificate, random) => {
    const all = certificate.split('\n');
    return change(all, random.below(all.length), random).join('\n');
  });
}

function proof(change: (before: ParsedTlogProof, random: Random) => ParsedTlogProof): (good: Good, random: Random) => Mutant {
  return (good, random) => ({ ...good, certificate: formatTlogProof(change(good.proof, random)) });
}

function withSignatures(before: ParsedTlogProof, change: (all: readonly NoteSignature[]) => readonly NoteSignature[]): ParsedTlogProof {
  return { ...before, note: { ...before.note, signatures: change(before.note.signatures) } };
}

function withText(before: ParsedTlogProof, change: (text: string) => string): ParsedTlogProof {
  return { ...before, note: parseNote(formatNote({ ...before.note, text: change(before.note.text) })) };
}

function replaceAt(whole: string, at: number, character: string): string {
  return whole.slice(0, at) + character + whole.slice(at + 1);
}

function flipBit(whole: string, random: Random): string {
  const bytes = Buffer.from(whole);
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return bytes.toString('latin1');
}

function flipped(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = Uint8Array.from(bytes);
  const at = random.below(changed.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
  return changed;
}

function swap<T>(all: readonly T[], a: number, b: number): readonly T[] {
  const changed = [...all];
  const [first, second] = [all[a], all[b]];
  if (first !== undefined && second !== undefined) [changed[a], changed[b]] = [second, first];
  return changed;
}

function changedReceipt(receipt: Receipt, random: Random): unknown {
  return random.pick([
    { ...receipt, ticks: receipt.ticks + 1 },
    { ...receipt, committed: !receipt.committed },
    { ...receipt, spanId: receipt.spanId ^ 1n },
    { ...receipt, receiptId: `${receipt.receiptId}x` },
    { ...receipt, transactionId: `${receipt.transactionId} ` },
    { ...receipt, hash: flipped(receipt.hash, random) },
    { ...receipt, ticks: -1 },
    { ...receipt, receiptId: '' },
    null,
  ]);
}

function swapWitnessKeys(policy: string, random: Random): string {
  const [a, b] = random.pick([
    ['us-east-1', 'us-west-1'],
    ['us-west-1', 'eu-west-1'],
    ['us-east-1', 'eu-west-1'],
  ] as const);
  // The names of the keys stay with the key ids of others: the key of a region is not that of its name.
  return policy.replace(`/${a}/mirror+`, `/${b}x/mirror+`).replace(`/${b}/mirror+`, `/${a}/mirror+`);
}

import { InvalidEvidenceError } from '../errors.ts';
import { type LogText, nameSigned, parseLogText } from '../log/log-text.ts';
import { equalBytes, toBase64, utf8Text } from '../std/bytes.ts';
import { JsonSyntaxError, type JsonValue, parseJson } from '../std/json.ts';
import { parseHash, verifyLogSignature } from '../tlog/checkpoint.ts';
import { EMPTY_ROOT } from '../tlog/hash.ts';
import { formatNote, type Note, parseNote } from '../tlog/note.ts';
import { parsePolicy } from '../tlog/policy.ts';
import { prefixRoots } from '../tlog/proof.ts';
import { formatVerifierKey, logKeyId, parseVerifierKey, TYPE_ED25519, type VerifierKey } from '../tlog/vkey.ts';

/** What a fork's evidence says it is (docs/spec "Evidence of a fork"). */
export const FORK_TYPE = 'receipt-sync/fork/v1';
/** Two notes of 64 KiB and a proof, as JSON. */
export const FORK_BYTES_MAX: number = 256 * 1024;
/** A tree of 2^53 leaves is 53 high; one hash more is the first node. */
const PROOF_MAX = 54;
const FIELDS = ['type', 'log', 'checkpoints', 'proof'];

/** Two checkpoints that one log's key has signed and that no append-only log can have both. */
export interface ForkEvidence {
  /** The log's key, type 0x01. */
  readonly log: VerifierKey;
  /** The one of the smaller size first; each with the log's signature. */
  readonly checkpoints: readonly [Note, Note];
  /** `SUBPROOF(first size, D[second size], false)` of RFC 6962 §2.1.2 in the tree of the second; empty where the sizes are equal, or the first is 0. */
  readonly proof: readonly Uint8Array[];
}

/** What is looked at, in this order. */
export const FORK_CHECKS = ['form', 'key', 'first', 'second', 'sizes', 'proof', 'roots'] as const;
export type ForkCheckName = (typeof FORK_CHECKS)[number];

/** One step, reported by itself. */
export interface ForkCheck {
  readonly name: ForkCheckName;
  readonly ok: boolean;
  readonly detail: string;
}

/** What offline verification says: `valid` means that the key has signed two histories of its log. */
export interface ForkReport {
  readonly valid: boolean;
  /** All steps, in order; one that could not be looked at because of another is not ok. */
  readonly checks: readonly ForkCheck[];
}

/** The evidence as a file holds it. The same two checkpoints always give the same bytes. */
export function formatForkEvidence({ log, checkpoints, proof }: ForkEvidence): string {
  const [first, second] = checkpoints.map((note) => formatNote(withLogLinesOnly(note, log)));
  return `${JSON.stringify({ type: FORK_TYPE, log: formatVerifierKey(log), checkpoints: [first, second], proof: proof.map(toBase64) }, undefined, 2)}\n`;
}

/** Reads evidence strictly; throws InvalidEvidenceError. Nothing is verified. */
export function parseForkEvidence(bytes: string | Uint8Array): ForkEvidence {
  const text = typeof bytes === 'string' ? bytes : utf8Text(bytes);
  if (text === undefined || text.length > FORK_BYTES_MAX) throw bad(`is not UTF-8 of at most ${FORK_BYTES_MAX} bytes`);
  const fields = jsonObject(text);
  if (fields.get('type') !== FORK_TYPE) throw bad(`is not of type ${FORK_TYPE}`);
  if (fields.size !== FIELDS.length || FIELDS.some((field) => !fields.has(field))) throw bad(`has not exactly the fields ${FIELDS.join(', ')}`);
  const [first, second, ...others] = strings(fields, 'checkpoints');
  if (first === undefined || second === undefined || others.length > 0) throw bad('has not two checkpoints');
  const proof = strings(fields, 'proof');
  if (proof.length > PROOF_MAX) throw bad('has a proof longer than any tree is high');
  const log = parseVerifierKey(string(fields.get('log'), 'log'));
  return { log, checkpoints: [parseNote(first), parseNote(second)], proof: proof.map((line) => parseHash(line, 'evidence')) };
}

/**
 * Verifies evidence of a fork by itself: no input or output but the arguments, never throws on bad input. `policy`: then the key must
 * be that of a log there; without one the file names the key itself, and whose it is remains to be compared.
 */
export function checkForkEvidence(evidence: string | Uint8Array, policy?: string | Uint8Array): ForkReport {
  const checks = new Map<ForkCheckName, ForkCheck>();
  const step = <T>(name: ForkCheckName, look: () => readonly [T, string]): T | undefined => {
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
  const read = step('form', () => [parseForkEvidence(evidence), FORK_TYPE]);
  if (read !== undefined) {
    step('key', () => checkKey(read.log, policy));
    const first = step('first', () => checkNote(read.log, read.checkpoints[0]));
    const second = step('second', () => checkNote(read.log, read.checkpoints[1]));
    if (first !== undefined && second !== undefined) {
      const isOrdered = step('sizes', () => checkSizes(first, second));
      const reached = isOrdered === undefined ? undefined : step('proof', () => reachedRoot(first, second, read.proof));
      if (reached !== undefined) step('roots', () => checkRoots(first, reached));
    }
  }
  const all = FORK_CHECKS.map((name) => checks.get(name) ?? { name, ok: false, detail: 'not looked at: a step before it failed' });
  return { valid: all.every(({ ok }) => ok), checks: all };
}

function checkKey(log: VerifierKey, policy: string | Uint8Array | undefined): readonly [true, string] {
  if (log.type !== TYPE_ED25519) throw bad('names a key that is none of a log');
  if (policy === undefined) return [true, `${formatVerifierKey(log)}, by the file's own word: compare it, or name a policy`];
  const known = parsePolicy(policy).logs.find(({ name }) => name === log.name);
  if (known === undefined) throw bad(`is of the log ${log.name.slice(0, 200)}, which the policy does not know`);
  if (!equalBytes(known.publicKey, log.publicKey)) throw bad(`names another key than the policy for ${log.name.slice(0, 200)}`);
  return [true, `${log.name}, as the policy has it`];
}

/** Of this log, signed by its key under the name that the text asks for (SPEC §4: one log for every rule of size and consistency). */
function checkNote(log: VerifierKey, note: Note): readonly [LogText, string] {
  const text = parseLogText(note.text);
  if (text.origin !== log.name) throw bad(`has a checkpoint of ${text.origin.slice(0, 200)}, not of ${log.name.slice(0, 200)}`);
  const lines = withLogLinesOnly(note, log).signatures;
  const name = nameSigned(log.name, text.refused.length > 0);
  if (lines.length === 0) throw bad('has a checkpoint without a signature of the log');
  if (!lines.every((signature) => verifyLogSignature(log, { text: note.text, signature, name })))
    throw bad('has a checkpoint whose signature of the log does not verify');
  return [text, `size ${text.size}, root ${toBase64(text.root)}`];
}

function checkSizes(first: LogText, second: LogText): readonly [true, string] {
  if (first.size > second.size) throw bad('has its checkpoints in the wrong order: the smaller size comes first');
  return [true, first.size === second.size ? `both ${first.size}` : `${first.size} before ${second.size}`];
}

/** The root that the second checkpoint's tree had at the size of the first. */
function reachedRoot(first: LogText, second: LogText, proof: readonly Uint8Array[]): readonly [Uint8Array, string] {
  if (first.size === second.size || first.size === 0) {
    if (proof.length > 0) throw bad('has a proof where there is nothing to prove');
    return first.size === second.size ? [second.root, 'none is needed at equal sizes'] : [EMPTY_ROOT, 'an empty log has one root'];
  }
  const reached = prefixRoots({ oldSize: first.size, newSize: second.size, path: proof });
  if (reached === undefined) throw bad('has a proof that has not the length of its sizes');
  if (!equalBytes(reached.newRoot, second.root)) throw bad('has a proof that does not lead to the root of the second checkpoint');
  return [reached.oldRoot, `the second has the root ${toBase64(reached.oldRoot)} at size ${first.size}`];
}

function checkRoots(first: LogText, reached: Uint8Array): readonly [true, string] {
  if (equalBytes(first.root, reached)) throw bad('is of two checkpoints that one log can have: there is no fork');
  return [true, `at size ${first.size} one key has signed two roots`];
}

/** What the log's key is said to have signed; cosignatures prove nothing here, and differ from region to region. */
function withLogLinesOnly(note: Note, log: VerifierKey): Note {
  const names = [nameSigned(log.name, false), nameSigned(log.name, true)];
  const isLogs = ({ name, keyId }: Note['signatures'][number]): boolean => names.includes(name) && keyId === logKeyId(log, name);
  return { text: note.text, signatures: note.signatures.filter(isLogs) };
}

function jsonObject(text: string): ReadonlyMap<string, JsonValue> {
  try {
    const value = parseJson(text);
    if (value instanceof Map) return value;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
  }
  throw bad('is no JSON object');
}

function strings(fields: ReadonlyMap<string, JsonValue>, name: string): readonly string[] {
  const value = fields.get(name);
  if (!Array.isArray(value)) throw bad(`has no list of ${name}`);
  return value.map((item: JsonValue) => string(item, name));
}

function string(value: JsonValue | undefined, name: string): string {
  if (typeof value !== 'string') throw bad(`has a ${name} that is no text`);
  return value;
}

function bad(problem: string): InvalidEvidenceError {
  return new InvalidEvidenceError('evidence', problem);
}

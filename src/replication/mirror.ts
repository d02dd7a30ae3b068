import { ClosedError, InvalidEvidenceError, OverloadedError } from '../errors.ts';
import { type Batch, checkFrame, parseBatch } from '../log/batch.ts';
import type { CosignedText, RecoveredLog } from '../log/changes.ts';
import type { BatchAnswer, BatchJob } from '../log/decide-batch.ts';
import { type LogText, nameSigned, parseLogText } from '../log/log-text.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogNumber } from '../ports/log-store.ts';
import type { BatchOrigin, MirrorAnswer } from '../ports/receiving.ts';
import type { Signer } from '../ports/signer.ts';
import { cosigners } from '../quorum/certificate.ts';
import { allTexts, areSame, type CertifiedTexts, withCertified } from '../quorum/certified.ts';
import type { Cluster } from '../quorum/cluster.ts';
import type { ForkEvidence } from '../quorum/fork-evidence.ts';
import { sha256, toHex, utf8Bytes, utf8Text } from '../std/bytes.ts';
import { logSignatureOf } from '../tlog/checkpoint.ts';
import { isOf } from '../tlog/cosignature.ts';
import { formatNote, formatSignature, type Note, parseNote } from '../tlog/note.ts';
import { isQuorum } from '../tlog/policy.ts';
import type { VerifierKey } from '../tlog/vkey.ts';
import { type Alarms, PLAIN_ALARM } from './alarms.ts';
import { type CertifiedText, certifiedChanges, certifiedText, recoveredTexts } from './certify.ts';
import { Claims } from './claims.ts';
import type { Committer } from './commit.ts';
import type { LogReader } from './log-reader.ts';

/** A batch that came before its turn waits so long for what goes before it (SPEC §3.2). */
const PARK_MS = 1_000;
/** … and so many of them. */
const PARKED_MAX = 64;
/** … and their bytes: a window of the origin. */
const PARKED_BYTES_MAX: number = 16 * 1024 * 1024;

export interface MirrorOptions {
  readonly log: LogNumber;
  readonly region: string;
  /** Whose log it is, and the key that signs it. */
  readonly origin: { readonly region: string; readonly key: VerifierKey };
  readonly cluster: Cluster;
  readonly signer: Signer;
  readonly committer: Committer;
  readonly reader: LogReader;
  readonly clock: Clock;
  readonly alarms: Alarms;
  /** The origin's key has signed two histories. */
  readonly onFork: (evidence: ForkEvidence) => Promise<void>;
  /** This region was shown that it has signed more than it holds (SPEC §2.1). */
  readonly onForgotten: (reason: string) => void;
  /** Has it been? Then nothing is signed any more, whatever was under way. */
  readonly isForgotten: () => boolean;
  readonly kept: Pick<RecoveredLog, 'certified' | 'kept'>;
}

/** A checkpoint that is said to be certified, signed by its origin. */
interface Certified {
  readonly note: Note;
  readonly text: LogText;
  /** Was every line of it of a key that we know? */
  readonly isWhole: boolean;
}

/** Another region's log as this one keeps it (SPEC §3.2): checks, parks, stores, cosigns. */
export class Mirror {
  /** What the origin is seen to have signed. */
  readonly claims: Claims;
  readonly #options: MirrorOptions;
  /** By start. */
  readonly #parked = new Map<number, () => void>();
  #parkedBytes = 0;
  /** Where the log will end once everything submitted is durable. */
  #expected: number;
  #underWay = 0;
  #certified: CertifiedTexts<CertifiedText>;
  /** One is looked at after the other. */
  #taking: Promise<unknown> = Promise.resolve();
  /** The newest checkpoint that led here, also where a refusal keeps it from being cosigned. */
  #newest: { readonly size: number; readonly note: string } | undefined;
  /** The newest text with our signature, for all who ask for it. */
  #shown: { readonly of: CosignedText; readonly note: string } | undefined;
  /** The last text that was told with lines of nobody that we know. */
  #odd: string | undefined;
  /** A certified checkpoint beyond our own size, until we get there. */
  #ahead: Certified | undefined;

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#certified = recoveredTexts(options.cluster, options.kept);
    this.#expected = this.size;
    this.claims = new Claims({
      key: options.origin.key,
      size: () => this.size,
      prover: options.reader.prover,
      signed: () => this.#signed(),
      proved: options.onFork,
    });
  }

  get size(): number {
    return this.#options.committer.head(this.#options.log).size;
  }

  /** The newest checkpoint of the origin that led here. */
  get newest(): { readonly size: number; readonly note: string } | undefined {
    return this.#signed().at(-1);
  }

  get reader(): LogReader {
    return this.#options.reader;
  }

  /** What certificates of this log's entries are made from, their roots those of this mirror. */
  get certified(): CertifiedTexts<CertifiedText> {
    return this.#certified;
  }

  /** As its origin signed it, with this region's cosignature while it signs. */
  checkpoint(): string | undefined {
    const { signer, committer, log, isForgotten } = this.#options;
    const newest = committer.head(log).texts.at(-1);
    if (newest === undefined) return undefined;
    // Who has forgotten signs nothing more: also not what it was about to sign when it found out (beyond seed 411).
    if (isForgotten()) return newest.note;
    // RFC 8032: the same text and time give the signature that was given. Once is enough for all who ask.
    if (this.#shown?.of !== newest) this.#shown = { of: newest, note: newest.note + formatSignature(signer.cosign(parseNote(newest.note).text, newest.atS)) };
    return this.#shown.note;
  }

  /** That one, and the newest that led here where a refusal keeps it from being cosigned: an origin that has forgotten it learns of it (beyond seed 562648214). */
  shown(): readonly string[] {
    const { newest } = this;
    const cosigned = this.#options.committer.head(this.#options.log).texts.at(-1);
    const beyond = newest !== undefined && newest.size > (cosigned?.size ?? 0) ? [newest.note] : [];
    const checkpoint = this.checkpoint();
    return checkpoint === undefined ? beyond : [checkpoint, ...beyond];
  }

  /** SPEC §3.2 (a): the note with its origin's signature and nothing else that somebody may have added, or `undefined` without that. */
  signedByOrigin(note: Note, { refused }: LogText): Note | undefined {
    const { key } = this.#options.origin;
    const line = logSignatureOf(key, note, nameSigned(key.name, refused.length > 0));
    return line === undefined ? undefined : { text: note.text, signatures: [line] };
  }

  /** Takes a batch whose checkpoint was admitted; tells `brought` if it had receipts that were new here. Never rejects. */
  async receive(origin: BatchOrigin, bytes: Uint8Array, brought: () => void): Promise<MirrorAnswer> {
    try {
      const batch = parseBatch(bytes);
      if (origin.text.size !== batch.start + batch.count) throw new InvalidEvidenceError('batch', 'does not end where its checkpoint does');
      const certified = batch.certified.length === 0 ? undefined : this.#readCertified(batch.certified);
      // Its origin learns from the size that we have forgotten, and stops counting us.
      if (certified !== undefined && this.#isForgotten(certified)) return { kind: 'size', size: this.size };
      // (b) before (c): what can't be used now is not worth its hashes.
      const answer = (await this.#isInTurn(batch))
        ? await this.#take(this.#jobOf(origin, batch), { signed: origin.note.text, brought })
        : await this.#behind(origin.note, this.size);
      // After the answer is certain: whatever the second field says, the batch is not refused for it.
      const told = certified ?? this.#ahead;
      const isKept = told === undefined ? true : this.#takenInTurn(told);
      // Where there are lines it may certify what no later one does: it counts as told only once it is durable, and not where it was spoilt
      // on its way (seed 90082).
      if (batch.certified.length === 0 || origin.text.refused.length === 0) return answer;
      if (certified !== undefined && (await isKept) && this.#isWhole(certified)) return answer;
      return { kind: 'store-failed', message: 'a certified checkpoint could not be kept' };
    } catch (error) {
      if (error instanceof InvalidEvidenceError) return { kind: 'rejected', status: 422, reason: error.message };
      throw error;
    }
  }

  #jobOf({ note, text }: BatchOrigin, batch: Batch): BatchJob {
    const { log, clock } = this.#options;
    const { items, leaves } = checkFrame(batch);
    return {
      from: 'origin',
      log,
      start: batch.start,
      items,
      leaves,
      frame: batch.frame,
      text,
      textHash: toHex(sha256(utf8Bytes(note.text))),
      note: formatNote(note),
      atS: Math.max(0, Math.floor(clock.wallMs() / 1_000)),
    };
  }

  /** What begins beyond what is under way waits for what goes before it; one of no entries asks where we stand, and waits for nothing. */
  #isInTurn(batch: Batch): boolean | Promise<boolean> {
    return batch.start <= this.#expected || (batch.count > 0 && this.#park(batch));
  }

  async #take(job: BatchJob, { signed, brought }: { readonly signed: string; readonly brought: () => void }): Promise<MirrorAnswer> {
    const before = this.size;
    this.#underWay += 1;
    this.#expected = Math.max(this.#expected, job.text.size);
    const answered = this.#submit(job, signed);
    this.#release();
    const answer = await answered;
    const isTaken = answer.kind === 'cosigned' || answer.kind === 'refuses';
    if (isTaken && job.items.slice(Math.max(0, before - job.start)).some(({ receipt }) => receipt !== undefined)) brought();
    this.#underWay -= 1;
    // Whatever failed, what waits for it must not wait for what will not come.
    if (this.#underWay === 0) this.#expected = this.size;
    this.#release();
    return answer;
  }

  /** True once its turn has come, false after a second, or where no more can wait. */
  #park({ start, frame }: Batch): Promise<boolean> {
    const bytes = frame.length;
    if (this.#parked.size >= PARKED_MAX || this.#parkedBytes + bytes > PARKED_BYTES_MAX || this.#parked.has(start)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (isIn: boolean): void => {
        cancel();
        this.#parked.delete(start);
        this.#parkedBytes -= bytes;
        resolve(isIn);
      };
      const cancel = this.#options.clock.after(PARK_MS, () => end(false));
      this.#parkedBytes += bytes;
      this.#parked.set(start, () => end(true));
    });
  }

  #release(): void {
    for (const [start, go] of [...this.#parked]) if (start <= this.#expected) go();
  }

  #submit(job: BatchJob, signed: string): Promise<MirrorAnswer> {
    return new Promise((resolve) => {
      this.#options.committer.submitBatch(job, {
        answered: (answer) => resolve(this.#say(answer, job, signed)),
        failed: (error) => resolve(failureOf(error)),
      });
    });
  }

  /** Durable from here on: now it is signed (SPEC §3.2 f). */
  #say(answer: BatchAnswer, job: BatchJob, signed: string): MirrorAnswer | Promise<MirrorAnswer> {
    switch (answer.kind) {
      case 'cosigned':
        this.#accepted(job);
        if (this.#options.isForgotten()) return FORGOTTEN;
        return { kind: 'cosigned', line: this.#options.signer.cosign(signed, answer.atS) };
      case 'refuses':
        this.#accepted(job);
        return answer;
      case 'behind':
        return this.#behind(parseNote(job.note), answer.size);
      case 'differs':
        return this.#differs(job, answer.isFork ? FORKED.reason : 'the entries do not lead to the signed root');
    }
  }

  /** The own tree is the one of this checkpoint up to its size: what was ahead may be judged now. */
  #accepted({ text: { size }, note }: BatchJob): void {
    if (size === this.size) this.#newest = { size, note };
    // Evidence of what somebody has signed before: no part of this answer.
    void this.claims.grown();
  }

  #signed(): readonly { readonly size: number; readonly note: string }[] {
    const { texts } = this.#options.committer.head(this.#options.log);
    return this.#newest === undefined ? texts : [...texts, this.#newest];
  }

  /** 409 with the own size, but for a checkpoint that this log never was: that one is a fork, of whatever size. */
  async #behind(note: Note, size: number): Promise<MirrorAnswer> {
    return (await this.claims.look(note)) === 'fork' ? FORKED : { kind: 'size', size };
  }

  /** 422, and never a signature. What can't be proved yet is kept with the alarm, and held against the log as it grows. */
  async #differs(job: BatchJob, reason: string): Promise<MirrorAnswer> {
    const { alarms, origin } = this.#options;
    if ((await this.claims.look(parseNote(job.note))) === 'fork') return FORKED;
    const message = `The log of ${origin.region} at size ${job.text.size}: ${reason}`;
    await alarms.raise({ alarm: 'log-differs', region: origin.region, message, subject: job.textHash, notes: [job.note], evidence: undefined });
    return { kind: 'rejected', status: 422, reason };
  }

  /** The second field: the lines of its origin and of regions that we know. An invalid one is ignored and alarmed. */
  #readCertified(bytes: Uint8Array): Certified | undefined {
    const { origin, cluster } = this.#options;
    try {
      const note = parseNote(utf8Text(bytes) ?? '');
      const text = parseLogText(note.text);
      if (text.origin !== origin.key.name) throw new InvalidEvidenceError('checkpoint', 'is of another log');
      const signed = this.signedByOrigin(note, text);
      if (signed === undefined) throw new InvalidEvidenceError('checkpoint', 'is not signed by its origin');
      const known = [...cluster.policy.witnesses.values()];
      const lines = note.signatures.filter((line) => known.some((key) => isOf(key, line)));
      const signatures = [...signed.signatures, ...lines];
      return { text, isWhole: signatures.length === note.signatures.length, note: { text: note.text, signatures } };
    } catch (error) {
      if (!(error instanceof InvalidEvidenceError)) throw error;
      this.#badCertified(error.message);
      return undefined;
    }
  }

  /**
   * A line of nobody that we know was spoilt on its way (seed 1000004694), or is of another policy than ours: it is told once more, and
   * is what it is then.
   */
  #isWhole({ note, isWhole }: Certified): boolean {
    if (isWhole || this.#odd === note.text) return true;
    this.#odd = note.text;
    return false;
  }

  #badCertified(message: string): undefined {
    // The second field is no part of the answer.
    void this.#options.alarms.raise({ ...PLAIN_ALARM, alarm: 'bad-certified-checkpoint', region: this.#options.origin.region, message });
    return undefined;
  }

  /** Shown our own valid cosignature over more than we hold: we have forgotten (SPEC §2.1). */
  #isForgotten({ note, text }: Certified): boolean {
    const { onForgotten, origin } = this.#options;
    if (text.size <= this.size) return false;
    if (!this.#hasSigned(note)) return false;
    onForgotten(`${origin.region} shows our cosignature of its log at size ${text.size}, and we hold ${this.size} of it`);
    return true;
  }

  #hasSigned(note: Note): boolean {
    const { cluster } = this.#options;
    return signedBy({ ...cluster.policy, witnesses: new Map([[cluster.own.region, cluster.own.mirrorKey]]) }, note).size === 1;
  }

  #takenInTurn(told: Certified): Promise<boolean> {
    const taken = this.#taking.then(() => this.#takeCertified(told));
    this.#taking = taken;
    return taken;
  }

  /** Kept once its signatures reach the threshold, our own size has reached it, and its root is ours; false where it has to be told again. */
  async #takeCertified(told: Certified): Promise<boolean> {
    const { cluster } = this.#options;
    const { note, text } = told;
    if (this.#isKnown(note)) return true;
    // Whoever else has signed it: it is a claim of the origin.
    const standing = await this.claims.look(note);
    if (!isQuorum(cluster.policy.quorum, signedBy(cluster.policy, note))) {
      // Shown by an origin that thinks we have forgotten what we signed: we have not, and it is no certified checkpoint.
      const isShown = note.signatures.length === 2 && this.#hasSigned(note);
      if (!isShown) this.#badCertified('A certified checkpoint has not the signatures for it');
      return !isSpoilt(cluster.policy, note);
    }
    if (standing === 'open') {
      if (text.size > (this.#ahead?.text.size ?? -1)) this.#ahead = told;
      return text.size > this.size;
    }
    if (this.#ahead !== undefined && this.#ahead.text.size <= text.size) this.#ahead = undefined;
    return standing === 'fits' ? this.#keep(certifiedText(cluster, formatNote(note))) : true;
  }

  /** False where the store could not: then it is taken when it is told again (seed 257). */
  async #keep(text: CertifiedText): Promise<boolean> {
    const { cluster, committer, log } = this.#options;
    const before = this.#certified;
    const next = withCertified(cluster.policy, before, text);
    if (areSame(next, before)) return true;
    if (!(await committer.record(certifiedChanges(log, next, before.kept.length)))) return false;
    this.#certified = next;
    return true;
  }

  /** Held already, with all these signatures. */
  #isKnown(note: Note): boolean {
    const told = certifiedText(this.#options.cluster, formatNote(note));
    return allTexts(this.#certified).some(({ text, signers }) => text === told.text && [...told.signers.keys()].every((region) => signers.has(region)));
  }
}

/** SPEC §3.2: another root, under a valid signature. */
const FORKED = { kind: 'rejected', status: 422, reason: 'fork: this log never had that root at that size' } as const;
/** This region signs nothing before an operator has looked. */
const FORGOTTEN: MirrorAnswer = { kind: 'rejected', status: 503, reason: 'this region has signed more than it remembers, and signs nothing' };

/** Who has signed; a bad signature of a known key is nobody's. */
function signedBy(policy: Cluster['policy'], note: Note): ReadonlySet<string> {
  return isSpoilt(policy, note) ? new Set() : cosigners(policy, note.text, note.signatures);
}

/** Is a signature of a known key none? No origin sends such a note: it keeps what it has verified. */
function isSpoilt(policy: Cluster['policy'], note: Note): boolean {
  try {
    cosigners(policy, note.text, note.signatures);
    return false;
  } catch {
    return true;
  }
}

function failureOf(error: Error): MirrorAnswer {
  if (error instanceof OverloadedError) return { kind: 'overloaded', retryAfterMs: error.retryAfterMs };
  if (error instanceof ClosedError) return { kind: 'closed' };
  return { kind: 'store-failed', message: error.message };
}

import { ClosedError, InvalidEvidenceError, OverloadedError } from '../errors.ts';
import { type Batch, checkFrame, parseBatch } from '../log/batch.ts';
import type { KeptNote } from '../log/changes.ts';
import type { BatchAnswer, BatchJob } from '../log/decide-batch.ts';
import { type LogText, parseLogText } from '../log/log-text.ts';
import type { Clock } from '../ports/clock.ts';
import type { LogNumber } from '../ports/log-store.ts';
import type { BatchOrigin, MirrorAnswer } from '../ports/receiving.ts';
import type { Signer } from '../ports/signer.ts';
import { cosigners } from '../quorum/certificate.ts';
import type { Cluster } from '../quorum/cluster.ts';
import type { ForkEvidence } from '../quorum/fork-evidence.ts';
import { sha256, toHex, utf8Bytes, utf8Text } from '../std/bytes.ts';
import { verifyLogSignature } from '../tlog/checkpoint.ts';
import { formatNote, formatSignature, type Note, parseNote } from '../tlog/note.ts';
import { isQuorum } from '../tlog/policy.ts';
import type { VerifierKey } from '../tlog/vkey.ts';
import { type Alarms, PLAIN_ALARM } from './alarms.ts';
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
  readonly certified: KeptNote | undefined;
}

interface Parked {
  readonly job: BatchJob;
  readonly go: () => void;
}

/** Another region's log as this one keeps it (SPEC §3.2): checks, parks, stores, cosigns. */
export class Mirror {
  /** What the origin is seen to have signed. */
  readonly claims: Claims;
  readonly #options: MirrorOptions;
  /** By start. */
  readonly #parked = new Map<number, Parked>();
  #parkedBytes = 0;
  /** Where the log will end once everything submitted is durable. */
  #expected: number;
  #underWay = 0;
  #certified: KeptNote | undefined;
  /** The newest checkpoint that led here, also where a refusal keeps it from being cosigned. */
  #newest: { readonly size: number; readonly note: string } | undefined;
  /** A certified checkpoint beyond our own size, until we get there. */
  #ahead: { readonly note: Note; readonly text: LogText } | undefined;

  constructor(options: MirrorOptions) {
    this.#options = options;
    this.#certified = options.certified;
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

  /** The newest certified checkpoint, its root that of this mirror. */
  get certified(): KeptNote | undefined {
    return this.#certified;
  }

  /** As its origin signed it, with this region's cosignature. */
  checkpoint(): string | undefined {
    const { signer, committer, log } = this.#options;
    const newest = committer.head(log).texts.at(-1);
    if (newest === undefined) return undefined;
    // RFC 8032: the same text and time give the signature that was given.
    return newest.note + formatSignature(signer.cosign(parseNote(newest.note).text, newest.atS));
  }

  /** SPEC §3.2 (a). */
  isSignedByOrigin(note: Note, name: string): boolean {
    const { key } = this.#options.origin;
    return note.signatures.some((signature) => verifyLogSignature(key, { text: note.text, signature, name }));
  }

  /** Takes a batch whose checkpoint was admitted. Never rejects. */
  async receive(origin: BatchOrigin, bytes: Uint8Array): Promise<MirrorAnswer> {
    try {
      const batch = parseBatch(bytes);
      if (origin.text.size !== batch.start + batch.count) throw new InvalidEvidenceError('batch', 'does not end where its checkpoint does');
      const certified = batch.certified.length === 0 ? undefined : this.#readCertified(batch.certified);
      if (certified !== undefined && this.#isForgotten(certified.note, certified.text)) return FORGOTTEN;
      const answer = await this.#take(this.#jobOf(origin, batch), origin.note.text);
      // After the answer is certain: whatever becomes of the second field, the batch is not refused for it.
      if (certified !== undefined) void this.#takeCertified(certified);
      else if (this.#ahead !== undefined) void this.#takeCertified(this.#ahead);
      return answer;
    } catch (error) {
      if (error instanceof InvalidEvidenceError) return { kind: 'rejected', status: 422, reason: error.message };
      throw error;
    }
  }

  #jobOf({ note, text }: BatchOrigin, batch: Batch): BatchJob {
    const { log, clock, origin } = this.#options;
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
      note: formatNote({ text: note.text, signatures: note.signatures.filter(({ name }) => name.startsWith(origin.key.name)) }),
      atS: Math.max(0, Math.floor(clock.wallMs() / 1_000)),
    };
  }

  /** In order: what begins beyond what is under way waits for what goes before it. */
  async #take(job: BatchJob, signed: string): Promise<MirrorAnswer> {
    // A batch of no entries asks where we stand: nothing that it waits for is on its way.
    const isAhead = job.start > this.#expected;
    if (isAhead && (job.items.length === 0 || !(await this.#park(job)))) return this.#behind(job, this.size);
    this.#underWay += 1;
    this.#expected = Math.max(this.#expected, job.text.size);
    const answered = this.#submit(job, signed);
    this.#release();
    const answer = await answered;
    this.#underWay -= 1;
    // Whatever failed, what waits for it must not wait for what will not come.
    if (this.#underWay === 0) this.#expected = this.size;
    this.#release();
    return answer;
  }

  /** True once its turn has come, false after a second, or where no more can wait. */
  #park(job: BatchJob): Promise<boolean> {
    const bytes = job.frame.length;
    if (this.#parked.size >= PARKED_MAX || this.#parkedBytes + bytes > PARKED_BYTES_MAX || this.#parked.has(job.start)) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (isIn: boolean): void => {
        cancel();
        this.#parked.delete(job.start);
        this.#parkedBytes -= bytes;
        resolve(isIn);
      };
      const cancel = this.#options.clock.after(PARK_MS, () => end(false));
      this.#parkedBytes += bytes;
      this.#parked.set(job.start, { job, go: () => end(true) });
    });
  }

  #release(): void {
    for (const { job, go } of [...this.#parked.values()]) if (job.start <= this.#expected) go();
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
        return this.#behind(job, answer.size);
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
  async #behind(job: BatchJob, size: number): Promise<MirrorAnswer> {
    return (await this.claims.look(parseNote(job.note))) === 'fork' ? FORKED : { kind: 'size', size };
  }

  /** 422, and never a signature. What can't be proved yet is kept with the alarm, and held against the log as it grows. */
  async #differs(job: BatchJob, reason: string): Promise<MirrorAnswer> {
    const { alarms, origin } = this.#options;
    if ((await this.claims.look(parseNote(job.note))) === 'fork') return FORKED;
    const message = `The log of ${origin.region} at size ${job.text.size}: ${reason}`;
    await alarms.raise({ alarm: 'log-differs', region: origin.region, message, subject: job.textHash, notes: [job.note], evidence: undefined });
    return { kind: 'rejected', status: 422, reason };
  }

  /** The second field, as far as it can be read; an invalid one is ignored and alarmed. */
  #readCertified(bytes: Uint8Array): { readonly note: Note; readonly text: LogText } | undefined {
    const { origin } = this.#options;
    try {
      const note = parseNote(utf8Text(bytes) ?? '');
      const text = parseLogText(note.text);
      if (text.origin === origin.key.name) return { note, text };
      throw new InvalidEvidenceError('checkpoint', 'is of another log');
    } catch (error) {
      if (!(error instanceof InvalidEvidenceError)) throw error;
      this.#badCertified(error.message);
      return undefined;
    }
  }

  #badCertified(message: string): undefined {
    // The second field is no part of the answer.
    void this.#options.alarms.raise({ ...PLAIN_ALARM, alarm: 'bad-certified-checkpoint', region: this.#options.origin.region, message });
    return undefined;
  }

  /** Shown our own valid cosignature over more than we hold: we have forgotten (SPEC §2.1). */
  #isForgotten(note: Note, text: LogText): boolean {
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

  /** Kept once our own size has reached it, its signatures reach the threshold and its root is ours. */
  async #takeCertified({ note, text }: { readonly note: Note; readonly text: LogText }): Promise<void> {
    const { cluster, origin, committer, log } = this.#options;
    if (text.size <= (this.#certified?.size ?? -1)) return;
    if (text.size > this.size) {
      if (text.size > (this.#ahead?.text.size ?? -1)) this.#ahead = { note, text };
      return;
    }
    if (this.#ahead !== undefined && this.#ahead.text.size <= text.size) this.#ahead = undefined;
    // Shown by an origin that thinks we have forgotten what we signed: we have not, and it is no certified checkpoint.
    if (note.signatures.every(({ name }) => name.startsWith(origin.key.name) || name === cluster.own.mirrorKey.name) && this.#hasSigned(note)) return undefined;
    // Whoever else has signed it: it is a claim of the origin.
    const standing = await this.claims.look(note);
    if (standing === 'unsigned') return this.#badCertified('A certified checkpoint is not signed by its origin');
    if (standing !== 'fits') return undefined;
    if (!isQuorum(cluster.policy.quorum, signedBy(cluster.policy, note))) return this.#badCertified('A certified checkpoint has not the signatures for it');
    if (text.size <= (this.#certified?.size ?? -1)) return undefined;
    const kept = { log, size: text.size, note: formatNote(note) };
    // Where the store could not keep it, it is taken when it is told again (seed 257).
    if ((await committer.record({ notes: [kept] })) && kept.size > (this.#certified?.size ?? -1)) this.#certified = kept;
    return undefined;
  }
}

/** SPEC §3.2: another root, under a valid signature. */
const FORKED = { kind: 'rejected', status: 422, reason: 'fork: this log never had that root at that size' } as const;
/** This region signs nothing before an operator has looked. */
const FORGOTTEN: MirrorAnswer = { kind: 'rejected', status: 503, reason: 'this region has signed more than it remembers, and signs nothing' };

/** Who has signed; a bad signature of a known key is nobody's. */
function signedBy(policy: Cluster['policy'], note: Note): ReadonlySet<string> {
  try {
    return cosigners(policy, note.text, note.signatures);
  } catch {
    return new Set();
  }
}

function failureOf(error: Error): MirrorAnswer {
  if (error instanceof OverloadedError) return { kind: 'overloaded', retryAfterMs: error.retryAfterMs };
  if (error instanceof ClosedError) return { kind: 'closed' };
  return { kind: 'store-failed', message: error.message };
}

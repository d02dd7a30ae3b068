import { ClosedError, ReceiptSyncError, RottenError } from '../errors.ts';
import type { Changes, KeptText, LogNumber, RecoveredLog } from '../log/changes.ts';
import { recordedAt } from '../log/entry.ts';
import { isNamed, parseLogText } from '../log/log-text.ts';
import { readItem } from '../log/stored-item.ts';
import { certificateExtra, cosigners } from '../quorum/certificate.ts';
import { type CertifiedTexts, withCertified } from '../quorum/certified.ts';
import type { Cluster } from '../quorum/cluster.ts';
import { certifiesEntry, type SignedText } from '../quorum/endorsement.ts';
import { isOf } from '../tlog/cosignature.ts';
import { leafHash } from '../tlog/hash.ts';
import { type Note, parseNote } from '../tlog/note.ts';
import { isQuorum } from '../tlog/policy.ts';
import { verifyInclusion } from '../tlog/proof.ts';
import { formatTlogProof } from '../tlog/tlog-proof.ts';
import type { LogReader } from './log-reader.ts';

/** Where an entry stands, and a certified checkpoint that covers it. */
export interface Certifiable {
  readonly receiptId: string;
  readonly index: number;
  readonly reader: LogReader;
  /** A note whose signatures reach the threshold. */
  readonly note: string;
}

/** `fewest`: the heaviest regions that reach the threshold, nothing more; `all`: everybody who signed. */
export type Signatures = 'fewest' | 'all';

/** A region that signs nothing makes no certificates. */
export function noKeys(): ReceiptSyncError {
  return new ReceiptSyncError('NOT_CERTIFIED', 'This region has no keys: its quorum makes no certificates');
}

/**
 * Makes the certificate of one entry (SPEC §5), checked up to the signed root before anybody gets it: the reader gives only entries and
 * tiles that lead to this region's root, and the path must lead to the one that was signed. Throws NOT_CERTIFIED where a line takes a
 * region out that is needed for it, RottenError where what is stored does not make one.
 */
export async function certificateOf(cluster: Cluster, certified: Certifiable, signatures: Signatures): Promise<string> {
  const { receiptId, index, reader, note: signed } = certified;
  const note = parseNote(signed);
  const { size, root } = parseLogText(note.text);
  const [item, path] = await Promise.all([reader.entry(index), reader.prover.inclusion(index, size)]);
  if (item === undefined || item.salt.length === 0) throw new ReceiptSyncError('NOT_CERTIFIED', 'The receipt of this entry is not here any more');
  const read = readItem(item);
  if (read.kind !== 'receipt' || read.id !== receiptId) throw new RottenError(`Entry ${index} does not hold the receipt that the index says`);
  if (!verifyInclusion({ index, size, leaf: leafHash(item.entry), path }, root)) throw new RottenError(`Entry ${index} does not lead to the certified root`);
  const extra = certificateExtra(recordedAt(item.entry), item.salt);
  return formatTlogProof({ extra, index, path, note: withSignatures(cluster, note, { index, signatures }) });
}

/** A text of some log that enough regions have signed; each can be made into certificates for as long as it is kept. */
export interface CertifiedText extends SignedText {
  /** What was signed. */
  readonly text: string;
  /** With the signatures there are now. */
  note(): string;
}

/** Reads a note of the own store, or one that was just verified. Its signatures are not looked at here, but at whose they are. */
export function certifiedText(cluster: Cluster, stored: string): CertifiedText {
  const note = parseNote(stored);
  const { size, refused } = parseLogText(note.text);
  const signed = [cluster.own, ...cluster.remotes.values()].filter(({ mirrorKey }) => note.signatures.some((line) => isOf(mirrorKey, line)));
  return { text: note.text, size, refused, signers: new Set(signed.map(({ region }) => region)), note: () => stored };
}

/** What the store has kept of a log's certified texts. */
export function recoveredTexts(cluster: Cluster, { certified, kept }: Pick<RecoveredLog, 'certified' | 'kept'>): CertifiedTexts<CertifiedText> {
  const texts = (isForEver: boolean): readonly CertifiedText[] =>
    kept.filter(({ slot }) => slot > 0 === isForEver).map(({ note }) => certifiedText(cluster, note));
  const newest = certified === undefined ? [] : [certifiedText(cluster, certified.note)];
  const none: CertifiedTexts<CertifiedText> = { newest: undefined, older: [], kept: texts(true) };
  return [...texts(false), ...newest].reduce((all, text) => withCertified(cluster.policy, all, text), none);
}

/** What is written of them; those kept for ever from the `saved` first on. */
export function certifiedChanges(log: LogNumber, texts: CertifiedTexts<CertifiedText>, saved: number): Pick<Changes, 'notes' | 'kept'> {
  const { newest, older, kept } = texts;
  const row = (text: CertifiedText, slot: number): KeptText => ({ log, slot, size: text.size, note: text.note() });
  return {
    notes: newest === undefined ? [] : [{ log, size: newest.size, note: newest.note() }],
    kept: [...older.map((text, n) => row(text, -n)), ...kept.slice(saved).map((text, n) => row(text, saved + n + 1))],
  };
}

/** Does this note certify this entry, its signatures looked at once more? */
export function certifies(cluster: Cluster, signed: string, index: number): boolean {
  const note = parseNote(signed);
  const text = parseLogText(note.text);
  return certifiesEntry(cluster.policy, { ...text, signers: cosigners(cluster.policy, note.text, note.signatures) }, index);
}

function withSignatures(cluster: Cluster, note: Note, { index, signatures }: { readonly index: number; readonly signatures: Signatures }): Note {
  const { policy, own, remotes } = cluster;
  const text = parseLogText(note.text);
  const counting = [own, ...remotes.values()]
    .filter(({ region, mirrorKey }) => !isNamed(text, region, index) && note.signatures.some((line) => isOf(mirrorKey, line)))
    .sort((a, b) => b.weight - a.weight);
  const taken = new Set<string>();
  for (const { region } of counting) {
    if (signatures === 'fewest' && isQuorum(policy.quorum, taken)) break;
    taken.add(region);
  }
  if (!isQuorum(policy.quorum, taken)) throw new ReceiptSyncError('NOT_CERTIFIED', 'Too few regions have signed for this entry');
  const mirrors = [own, ...remotes.values()].filter(({ region }) => taken.has(region));
  const isLogLine = (name: string): boolean => name === text.origin || name === `${text.origin}/refused`;
  return { text: note.text, signatures: note.signatures.filter((line) => isLogLine(line.name) || mirrors.some(({ mirrorKey }) => isOf(mirrorKey, line))) };
}

/** Callers that wait until their entry is certified. */
export class CertificateWaiters {
  readonly #waiting = new Set<{ readonly index: number; readonly settle: (error?: Error) => void }>();

  /** Resolves once `certified` is told of a size beyond this entry, or of anything for −1; rejects with the signal's reason, or ClosedError. */
  wait(index: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => waiter.settle(signal?.reason);
      const waiter = {
        index,
        settle: (error?: Error): void => {
          this.#waiting.delete(waiter);
          signal?.removeEventListener('abort', stop);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', stop);
      if (signal?.aborted === true) stop();
    });
  }

  /** Everything below `size` is certified. */
  certified(size: number): void {
    for (const waiter of this.#waiting) if (waiter.index < size) waiter.settle();
  }

  close(): void {
    for (const waiter of this.#waiting) waiter.settle(new ClosedError());
  }
}

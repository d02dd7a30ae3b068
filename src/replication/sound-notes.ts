import { ReceiptSyncError } from '../errors.ts';
import type { CosignedText, KeptNote, LogNumber, RecoveredLog } from '../log/changes.ts';
import { type LogText, parseLogText } from '../log/log-text.ts';
import type { Recovered, RemoteCosigned } from '../ports/log-store.ts';
import { cosigners } from '../quorum/certificate.ts';
import type { Cluster } from '../quorum/cluster.ts';
import { logSigner } from '../quorum/log-signature.ts';
import { sha256, toHex, utf8Bytes } from '../std/bytes.ts';
import { type Note, parseNote } from '../tlog/note.ts';
import { isQuorum } from '../tlog/policy.ts';

/**
 * What a region starts with, without stored signatures that are not what was stored: a text that has rotted must not be signed again, and a
 * certified checkpoint that does not verify certifies nothing. `problems` says what was left out.
 */
export function soundRecovered(recovered: Recovered, cluster: Cluster): { readonly recovered: Recovered; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const keep = <T>(what: string, kept: T, check: () => void): readonly T[] => {
    try {
      check();
      return [kept];
    } catch (error) {
      if (!(error instanceof ReceiptSyncError)) throw error;
      problems.push(`${what} is not what was stored (${error.message})`);
      return [];
    }
  };
  const logs = [...recovered.logs].map(([log, before]): readonly [LogNumber, RecoveredLog] => {
    const newest = before.texts.at(-1);
    const texts = before.texts.flatMap((text) =>
      keep(`A text of log ${log} at size ${text.size}`, text, () => checkText(text, { cluster, signed: text === newest })),
    );
    const [certified] =
      before.certified === undefined
        ? []
        : [before.certified].flatMap((note) => keep(`The certified checkpoint of log ${log}`, note, () => checkCertified(note, cluster)));
    const kept = before.kept.flatMap((text) => keep(`A certified text of log ${log} at size ${text.size}`, text, () => checkCertified(text, cluster)));
    return [log, { ...before, texts, certified, kept }];
  });
  const cosigned = recovered.cosigned.flatMap((each) => keep(`The checkpoint that ${each.region} has cosigned`, each, () => checkCosigned(each, cluster)));
  return { recovered: { ...recovered, logs: new Map(logs), cosigned }, problems };
}

/** Of the newest one the origin's signature too: that one is served. The others only stand for a hash that is asked for. */
function checkText({ size, hash, note: signed }: CosignedText, { cluster, signed: isServed }: { readonly cluster: Cluster; readonly signed: boolean }): void {
  const { note, text } = read(signed);
  if (text.size !== size) throw invalid('another size');
  if (toHex(sha256(utf8Bytes(note.text))) !== hash) throw invalid('another text');
  if (isServed) logSigner(cluster.policy, note, text);
}

/** As an offline verifier would look at it, but for the entry. */
export function checkCertified({ size, note: signed }: Pick<KeptNote, 'size' | 'note'>, { policy }: Pick<Cluster, 'policy'>): void {
  const { note, text } = read(signed);
  if (text.size !== size) throw invalid('another size');
  logSigner(policy, note, text);
  if (!isQuorum(policy.quorum, cosigners(policy, note.text, note.signatures))) throw invalid('too few signatures');
}

/** The log's signature, and that of the remote. */
export function checkCosigned({ region, size, note: signed }: RemoteCosigned, { policy }: Pick<Cluster, 'policy'>): void {
  const { note, text } = read(signed);
  if (text.size !== size) throw invalid('another size');
  logSigner(policy, note, text);
  if (!cosigners(policy, note.text, note.signatures).has(region)) throw invalid('not its signature');
}

function read(signed: string): { readonly note: Note; readonly text: LogText } {
  const note = parseNote(signed);
  return { note, text: parseLogText(note.text) };
}

function invalid(problem: string): ReceiptSyncError {
  return new ReceiptSyncError('INVALID_EVIDENCE', problem);
}

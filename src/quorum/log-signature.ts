import { ReceiptSyncError } from '../errors.ts';
import { type LogText, nameSigned } from '../log/log-text.ts';
import { verifyLogSignature } from '../tlog/checkpoint.ts';
import type { Note } from '../tlog/note.ts';
import type { Policy } from '../tlog/policy.ts';
import { logKeyId, type VerifierKey } from '../tlog/vkey.ts';

/**
 * The key of the log that has signed this text, under the name that the text asks for (SPEC §4). Throws INVALID_EVIDENCE where the policy does not know the
 * log, there is no signature of its key, or one does not verify.
 */
export function logSigner(policy: Pick<Policy, 'logs'>, note: Note, log: LogText): VerifierKey {
  const key = policy.logs.find(({ name }) => name === log.origin);
  if (key === undefined) throw invalid(`The policy knows no log ${log.origin.slice(0, 200)}`);
  const name = nameSigned(log.origin, log.refused.length > 0);
  const keyId = logKeyId(key, name);
  const lines = note.signatures.filter((line) => line.name === name && line.keyId === keyId);
  if (lines.length === 0) throw invalid(`No signature of the log ${log.origin}`);
  if (!lines.every((signature) => verifyLogSignature(key, { text: note.text, signature, name }))) throw invalid('The signature of the log does not verify');
  return key;
}

function invalid(problem: string): ReceiptSyncError {
  return new ReceiptSyncError('INVALID_EVIDENCE', problem);
}
